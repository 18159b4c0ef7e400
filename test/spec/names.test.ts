import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { renderForeignNames } from '../../scripts/foreign-names-reference.ts';
import { accept, type FourDError, refuse, WebServer, WebSocket, WebSocketServer } from '../../src/index.ts';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { CALLBACKS } from '../../src/session/callback-warnings.ts';
import { FOREIGN_CALLBACKS, FOREIGN_OPTIONS } from '../../src/session/foreign-names.ts';
import { nearestName } from '../../src/session/nearest-name.ts';
import { recordingHandler } from '../../src/testing.ts';
import { errorOf } from '../helpers/error-of.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { sides } from '../helpers/sides.ts';

/** A value without the types that would refuse it. */
const untyped = (value: unknown): never => value as never;

describe.each(sides)('on the $name side', (side) => {
  test.each([
    [{ compres: false }, 'there is no option "compres": did you mean "compress"?'],
    [{ compress: false, Droppable: true }, 'there is no option "Droppable": did you mean "droppable"?'],
    [{ volatile: true }, 'there is no option "volatile": use droppable'],
    [{ priority: 1 }, 'there is no option "priority"'],
    [{ compress: 'no' }, 'compress must be true or false'],
    [{ droppable: 1 }, 'droppable must be true or false'],
    [true, 'options must be an object; received true'],
    [() => {}, 'options must be an object: send() takes no callback, see its result and drained()'],
  ])('4D-213 send() refuses the options %o, sends nothing and stays open', async (options, problem) => {
    const { ws, peer } = await side.connect();
    const error = errorOf(() => ws.send('lost', untyped(options)));
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: `invalid option: ${problem}` });
    ws.send('next', { compress: undefined });
    expect(await peer.nextText()).toBe('next');
  });
});

test('4D-213 one object of options is checked at each call: nothing is remembered of it', async () => {
  const { ws } = await sides[0]!.connect();
  const options: Record<string, unknown> = { compress: false };
  ws.send('a', options);
  options['dropable'] = true;
  expect(errorOf(() => ws.send('b', options)).message).toContain('did you mean "droppable"?');
});

test('4D-213 broadcast(), accept(), refuse() and drain() name the option that was meant', async () => {
  const { wss, url } = await startServerOf(recordingHandler());
  const peer = await connectPeer(url);
  const cases: [act: () => unknown, problem: string][] = [
    [() => wss.broadcast('lost', untyped({ exept: [] })), '"exept": did you mean "except"?'],
    [() => wss.broadcast('lost', untyped({ exclude: [] })), '"exclude": use except'],
    [() => refuse(401, untyped({ closeCode: 4401, reasn: 'a' })), '"reasn": did you mean "reason"?'],
    [() => accept(untyped({ onMessage() {} }), untyped({ header: {} })), '"header": did you mean "headers"?'],
    [() => accept(untyped({ onMessage() {} }), untyped({ subprotocol: 'a' })), '"subprotocol": use protocol'],
  ];
  for (const [act, problem] of cases)
    expect(errorOf(act).message).toBe(`invalid option: there is no option ${problem}`);
  expect(errorOf(() => wss.broadcast('lost', untyped({ compress: 0 }))).message).toContain('compress must be true or');
  await expect(wss.drain(untyped({ deadlinMs: 1 }))).rejects.toMatchObject({
    message: 'invalid option: there is no option "deadlinMs": did you mean "deadlineMs"?',
  });
  wss.broadcast('still open');
  expect(await peer.nextText()).toBe('still open');
});

test('4D-213 the nearest name is found by letters that are wrong, missing, too many or swapped, and by its beginning', () => {
  const names = ['compress', 'droppable', 'handshakeTimeoutMs', 'origins', 'maxDelayMs', 'minDelayMs'];
  for (const [given, nearest] of [
    ['comprezz', 'compress'],
    ['compres', 'compress'],
    ['compresss', 'compress'],
    ['comperss', 'compress'],
    ['COMPRESS', 'compress'],
    ['handshake', 'handshakeTimeoutMs'],
    ['origin', 'origins'],
    ['maxDelaysMs', 'maxDelayMs'],
    ['or', undefined],
    ['x', undefined],
    ['something', undefined],
    ['compress'.repeat(100_000), undefined],
  ] as const) {
    expect(nearestName(given, names), given).toBe(nearest);
  }
});

/** Calls that refuse an option that does not exist. Those of an open connection or server are tried above. */
const REFUSALS: Readonly<Partial<Record<keyof typeof FOREIGN_OPTIONS, (options: object) => unknown>>> = {
  client: (options) => parseClientOptions(options),
  server: (options) => parseServerOptions(options),
  webServer: (options) => new WebServer(options),
  reconnect: (options) => parseClientOptions({ reconnect: options }),
  compression: (options) => parseServerOptions({ compression: options }),
  accept: (options) => accept(untyped({}), untyped(options)),
};

test('4D-214 a foreign name in options is an error with the name here', () => {
  for (const kind of ['client', 'server', 'webServer', 'reconnect', 'compression', 'accept'] as const) {
    for (const [name, advice] of Object.entries(FOREIGN_OPTIONS[kind])) {
      const { message } = errorOf(() => REFUSALS[kind]?.({ [name]: 1 }));
      expect(message, kind).toMatch(
        new RegExp(`^invalid (option|setting): there is no (option|setting) "[a-z]*\\.?${name}": (use|leave it out:) `),
      );
      expect(message).toContain(advice.replace('nothing: ', ''));
    }
  }
});

test('4D-214 the list is published, and names no callback that exists', () => {
  const page = new URL('../../docs/reference/names-from-other-libraries.md', import.meta.url);
  expect(readFileSync(page, 'utf8')).toBe(renderForeignNames());
  for (const [kind, names] of Object.entries(FOREIGN_CALLBACKS)) {
    const known: readonly string[] = CALLBACKS[kind as keyof typeof CALLBACKS];
    expect(known.filter((name) => name in names)).toEqual([]);
  }
});

describe('4D-214 a foreign or misspelt callback', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const warnings = (): string[] => warn.mock.calls.map(([message]) => String(message)).toSorted();
  afterEach(() => void warn.mockClear());

  class Base {
    onMessage(): void {}
    onClose(): void {}
  }
  class Chat extends Base {
    onmessage = (): void => {};
    onOpne(): void {}
    /** Of the user's own, and no function. */
    onLogin(): void {}
    onEnd = null;
  }

  test('is warned of once for each class, on client and connection alike', async () => {
    const { url } = await startServerOf(new Chat());
    const clients = [await WebSocket.new(url, untyped(new Chat())), await WebSocket.new(url, untyped(new Chat()))];
    const problem =
      'handler, the class Chat, has callbacks that are never called: ' +
      'onmessage (use onMessage), onOpne (use onOpen), onClose (use onTerminate)';
    expect(warnings()).toEqual([`a client ${problem}`, `a connection ${problem}`]);
    expect(warn.mock.calls[0]![1]).toMatchObject({ code: '4D_WEBSOCKET_UNKNOWN_CALLBACK' });
    for (const ws of clients) ws!.terminate();
  });

  test('is warned of for servers, and once in a process for plain objects', async () => {
    const { url } = await startLibraryServer(
      untyped({ onConnection: () => ({ onMessage() {}, onClose() {} }), onDisconnect() {} }),
    );
    expect(warnings()).toEqual([
      'a server handler, an object, has callbacks that are never called: ' +
        'onDisconnect (use onTerminate of the object that onConnection returns)',
    ]);
    // The second one is of another realm.
    for (const handler of [{ onClose() {} }, runInNewContext('({ onClose() {} })') as object]) {
      (await WebSocket.new(url, untyped(handler)))!.terminate();
    }
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('of an event counts only where a handler has none of ours', async () => {
    const { url } = await startServerOf(recordingHandler());
    class Events {
      message(): void {}
      close(): void {}
    }
    class Own extends Events {
      onOpen(): void {}
    }
    for (const handler of [new Own(), new Events()]) (await WebSocket.new(url, untyped(handler)))!.terminate();
    expect(warnings()).toEqual([
      'a client handler, the class Events, has callbacks that are never called: ' +
        'message (use onMessage), close (use onTerminate)',
    ]);
  });

  test('is warned of 10 times in a process at most, also where each client gets a class of its own', async () => {
    const { url } = await startLibraryServer(
      untyped(() => {
        class OfOneClient extends Base {}
        return new OfOneClient();
      }),
    );
    const clients = await Promise.all(Array.from({ length: 15 }, () => WebSocket.new(url, {})));
    expect(warn.mock.calls.length).toBeLessThanOrEqual(10);
    expect(String(warn.mock.calls.at(-1)![0])).toContain('the class OfOneClient');
    for (const ws of clients) ws!.terminate();
  });

  test('is not warned of with warnings: false, and a Proxy that refuses is let be', async () => {
    class Quiet extends Base {}
    const refusing = new Proxy(new (class extends Base {})(), {
      ownKeys: () => {
        throw new Error('no');
      },
    });
    const { url } = await startServerOf(new Quiet(), { warnings: false });
    const clients = await Promise.all([
      WebSocket.new(url, untyped(new Quiet()), { warnings: false }),
      WebSocket.new(url, untyped(refusing)),
    ]);
    expect(warn).not.toHaveBeenCalled();
    for (const ws of clients) ws!.terminate();
    const error = errorOf(() => WebSocketServer.new({ onConnection: () => null }, untyped({ warnings: 0 })));
    expect((error satisfies FourDError).message).toBe('invalid option: warnings must be true or false');
  });
});
