import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import {
  callWorker,
  currentProcessName,
  type FourDError,
  type InvalidEvent,
  type StandardSchema,
  type ValidationOptions,
  WebSocket,
  WebSocketServer,
} from '../../src/index.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { createDeferred, type Deferred } from '../helpers/deferred.ts';
import { errorOf } from '../helpers/error-of.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { revokedProxy, thenable, throwingProxy, withThrowingGetter } from '../helpers/hostile-values.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { connectPeer, type Peer, startPeerServer } from '../helpers/peer.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { workerName } from '../helpers/workers.ts';

interface Pair {
  readonly ws: { send(message: object | string): unknown; readonly status: string };
  readonly handler: RecordingHandler<unknown>;
  readonly peer: Peer;
}

interface TestedSide {
  readonly name: string;
  readonly connect: (
    validation: ValidationOptions<never>,
    additions?: RecordedCallbacks<unknown>,
    options?: object,
  ) => Promise<Pair>;
}

/** The library on one side, with validation, and the `ws` package on the other. */
const sides: readonly TestedSide[] = [
  {
    name: 'client',
    async connect(validation, additions = {}, options = {}) {
      const server = await startPeerServer();
      const handler = Object.assign(recordingHandler({ dataType: 'object', ...additions }), validation);
      const ws = await WebSocket.connect(server.url, handler as object, options);
      return { ws, handler, peer: await server.accept() };
    },
  },
  {
    name: 'server',
    async connect(validation, additions = {}, options = {}) {
      const handler = recordingHandler(additions);
      const { url } = await startServerOf(handler, { ...options, ...validation, dataType: 'object' });
      const peer = await connectPeer(url);
      return { ws: await handler.opened(), handler, peer };
    },
  },
];

/** A schema whose validate is this function. */
function schemaOf(validate: (value: unknown) => unknown): StandardSchema<unknown, unknown> {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as () => never } };
}

const INVALID = { issues: [{ message: 'no' }] };

/** The same schema three times: what it accepts becomes a number, in the second place of the path. */
const libraries = {
  zod: z.object({ user: z.object({ age: z.string().transform(Number) }), tags: z.array(z.enum(['a', 'b'])) }),
  valibot: v.object({
    user: v.object({ age: v.pipe(v.string(), v.transform(Number)) }),
    tags: v.array(v.picklist(['a', 'b'])),
  }),
  arktype: type({ user: { age: 'string.numeric.parse' }, tags: "('a' | 'b')[]" }),
};

describe.each(sides)('on the $name', ({ connect }) => {
  describe.each(Object.entries<StandardSchema<unknown, unknown>>(libraries))('a schema of %s', (_, schema) => {
    test('delivers its output', async () => {
      const { handler, peer } = await connect({ schema });
      peer.send('{"user":{"age":"36"},"tags":["b"]}');
      expect(await handler.nextMessage()).toEqual({ user: { age: 36 }, tags: ['b'] });
    });

    test.each([
      ['{"user":{"age":36},"tags":[]}', 'user.age'],
      ['{"user":{"age":"36"},"tags":["a","secret"]}', 'tags[1]'],
      ['"secret"', ''],
    ])('ends the connection that sent %s with 1007, and tells the path', async (message, path) => {
      const { handler, peer } = await connect({ schema });
      peer.send(message);
      expect((await peer.closed).code).toBe(1007);
      const { message: text, wasClean, cause } = await handler.ended();
      expect([wasClean, cause]).toEqual([false, 'protocol']);
      expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
      const { error } = handler.errors[0]!;
      expect(error).toMatchObject({ code: 'ERR_INVALID_CONTENT', errCode: 1007, side: 'remote', phase: 'open' });
      expect(error.message).toBe(`invalid message: ${path === '' ? 'it' : path} does not match the schema`);
      expect(text).toBe(error.message);
      expect(error.issues).toEqual([{ path, message: expect.stringMatching(/./) }]);
    });
  });

  const union = {
    zod: z.discriminatedUnion('type', [
      z.object({ type: z.literal('say'), text: z.string() }),
      z.object({ type: z.literal('move'), x: z.number() }),
    ]),
    valibot: v.variant('type', [
      v.object({ type: v.literal('say'), text: v.string() }),
      v.object({ type: v.literal('move'), x: v.number() }),
    ]),
    arktype: type({ type: "'say'", text: 'string' }).or({ type: "'move'", x: 'number' }),
  };

  test.each(Object.entries<StandardSchema<unknown, unknown>>(union))('a union of %s', async (_, schema) => {
    const { handler, peer } = await connect({ schema });
    peer.send('{"type":"say","text":"hi"}');
    peer.send('{"type":"move","x":1}');
    peer.send('{"type":"move","x":"1"}');
    await handler.ended();
    expect(handler.messages).toEqual([
      { type: 'say', text: 'hi' },
      { type: 'move', x: 1 },
    ]);
    expect(handler.errors[0]!.error.issues![0]!.path).toBe('x');
  });

  const later = {
    zod: z.object({ n: z.number().refine(async (n) => (await turns(3), n < 9)) }),
    valibot: v.objectAsync({
      n: v.pipeAsync(
        v.number(),
        v.checkAsync(async (n) => (await turns(3), n < 9)),
      ),
    }),
  };

  test.each(Object.entries<StandardSchema<unknown, unknown>>(later))(
    'an asynchronous check of %s',
    async (_, schema) => {
      const { handler, peer } = await connect({ schema });
      for (const n of [1, 2, 9, 3]) peer.send(JSON.stringify({ n }));
      await handler.ended();
      expect(handler.messages).toEqual([{ n: 1 }, { n: 2 }]);
      expect(handler.errors[0]!.error.message).toBe('invalid message: n does not match the schema');
    },
  );

  test('messages never overtake others whose validation takes longer, and none runs beside another', async () => {
    let running = 0;
    const schema = schemaOf(async (value) => {
      expect(++running).toBe(1);
      await turns(Number(value) % 2 === 0 ? 5 : 0);
      running--;
      return { value };
    });
    const onMessage = async (): Promise<void> => {
      expect(++running).toBe(1);
      await turns(1);
      running--;
    };
    const { handler, peer } = await connect({ schema }, { onMessage });
    const numbers = Array.from({ length: 50 }, (__, i) => i);
    for (const number of numbers) peer.send(String(number));
    expect(await handler.nextMessages(50)).toEqual(numbers);
  });

  test('reading pauses at maxWaitingMessages while a validation runs', async () => {
    const gate = createDeferred();
    let count = 0;
    const schema = schemaOf(async (value) => {
      count++;
      await gate.promise;
      return { value };
    });
    const { handler, peer } = await connect({ schema }, {}, { maxWaitingMessages: 2 });
    const { socket } = peer;
    const text = JSON.stringify('x'.repeat(500_000));
    for (let i = 0; i < 60; i++) peer.send(text);
    await turns(200);
    expect([count, socket.bufferedAmount > 1_000_000]).toEqual([1, true]);
    gate.resolve();
    await handler.nextMessages(60);
    expect(count).toBe(60);
  });

  test('the end waits for a validation, and delivers the message', async () => {
    const gate = createDeferred();
    const { handler, peer } = await connect({ schema: schemaOf(async (value) => (await gate.promise, { value })) });
    peer.send('1');
    peer.socket.close(4001);
    await peer.closed;
    await turns();
    expect(handler.callbacks).toEqual(['onOpen']);
    gate.resolve();
    expect((await handler.ended()).code).toBe(4001);
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
  });

  test('terminate() while a validation runs drops the message', async () => {
    const gates: Deferred<void>[] = [];
    const schema = schemaOf(async (value) => {
      const gate = createDeferred();
      gates.push(gate);
      await gate.promise;
      return value === 1 ? { value } : INVALID;
    });
    for (const message of ['1', '2']) {
      const { handler, peer, ws } = await connect({ schema, onInvalid: () => expect.unreachable() });
      peer.send(message);
      await expect.poll(() => gates.length).toBe(1);
      (ws as unknown as WebSocket).terminate();
      gates.pop()!.resolve();
      expect((await handler.ended()).cause).toBe('local');
      expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    }
  });

  test('an invalid message in front of a close frame of the peer is told all the same, before the end', async () => {
    const gate = createDeferred();
    const { handler, peer } = await connect({ schema: schemaOf(async () => (await gate.promise, INVALID)) });
    peer.send('1');
    peer.socket.close(4001);
    await peer.closed;
    gate.resolve();
    expect((await handler.ended()).code).toBe(4001);
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_INVALID_CONTENT', phase: 'closing' });
  });

  test('nothing is delivered behind an invalid message, although it waited already', async () => {
    const gate = createDeferred();
    const schema = schemaOf(async (value) => (await gate.promise, value === 1 ? INVALID : { value }));
    const { handler, peer } = await connect({ schema });
    for (const message of ['1', '2', '3']) peer.send(message);
    await turns();
    gate.resolve();
    await handler.ended();
    expect(handler.messages).toEqual([]);
  });

  describe('onInvalid', () => {
    test("'drop' drops the message and nothing else", async () => {
      const { handler, peer } = await connect({ schema: z.number(), onInvalid: 'drop' });
      for (const message of ['1', '"2"', '3']) peer.send(message);
      expect(await handler.nextMessages(2)).toEqual([1, 3]);
      expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage']);
    });

    test('a function is called in the place of onMessage, and may answer', async () => {
      const events: InvalidEvent[] = [];
      const onInvalid = (ws: { send(data: object): void }, event: InvalidEvent): void => {
        events.push(event);
        ws.send({ error: event.issues[0]!.path });
      };
      const { handler, peer } = await connect({ schema: z.object({ n: z.number() }), onInvalid });
      for (const message of ['{"n":1}', '{"n":"2"}', '{"n":3}']) peer.send(message);
      expect(await peer.nextText()).toBe('{"error":"n"}');
      expect(await handler.nextMessages(2)).toEqual([{ n: 1 }, { n: 3 }]);
      expect(events).toMatchObject([{ type: 'invalid', data: { n: '2' }, isBinary: false }]);
      expect(events[0]!.error.issues).toBe(events[0]!.issues);
    });

    test.each([
      ['the result', () => 'close'],
      ['the promise', async () => (await turns(2), 'close')],
    ])("a function ends the connection by %s 'close'", async (_, onInvalid) => {
      const { handler, peer } = await connect({ schema: z.number(), onInvalid });
      for (const message of ['1', '"2"', '3']) peer.send(message);
      expect((await peer.closed).code).toBe(1007);
      await handler.ended();
      expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    });

    test('what it calls holds: terminate() in front of the result', async () => {
      const { handler, peer } = await connect({
        schema: z.number(),
        onInvalid(ws: WebSocket) {
          ws.terminate(4400, 'bad');
          return 'close';
        },
      });
      peer.send('"2"');
      expect(await peer.closed).toEqual({ code: 4400, reason: 'bad' });
      await handler.ended();
      expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    });

    test.each([
      ['throws', () => fail()],
      ['rejects', async () => fail()],
    ])('a function that %s fails as a callback does', async (_, onInvalid) => {
      const { handler, peer } = await connect({ schema: z.number(), onInvalid });
      peer.send('"2"');
      expect((await peer.closed).code).toBe(1011);
      await handler.ended();
      expect(handler.errors[0]!.error.message).toBe('onInvalid failed: boom');
    });
  });

  const rejection = Promise.reject(new Error('boom'));
  rejection.catch(() => {});
  test.each<[string, (value: unknown) => unknown]>([
    ['throws', () => fail()],
    ['rejects', async () => fail()],
    ['returns a promise that has rejected', () => rejection],
    ['returns nothing', () => undefined],
    ['returns text', () => 'ok'],
    ['returns an object without value', () => ({})],
    ['resolves to null', async () => null],
    ['returns issues that are no array', () => ({ issues: 'all' })],
    ['returns issues that are null', () => ({ value: 1, issues: null })],
    ['returns an issue that is null', () => ({ issues: [null] })],
    ['returns an issue without message', () => ({ issues: [{ path: ['a'] }] })],
    ['returns a path that is text', () => ({ issues: [{ message: 'no', path: 'a.b' }] })],
    ['returns a path of objects', () => ({ issues: [{ message: 'no', path: [{ name: 'a' }] }] })],
    ['returns a Proxy that throws', () => throwingProxy()],
    ['returns a revoked Proxy', () => revokedProxy()],
    ['returns issues that are a revoked Proxy', () => ({ issues: revokedProxy([]) })],
    ['returns a value whose getter throws', () => withThrowingGetter({ issues: undefined }, 'value')],
    ['returns issues whose getter throws', () => withThrowingGetter({}, 'issues')],
    ['returns an issue whose getter throws', () => ({ issues: [withThrowingGetter({}, 'message')] })],
    ['returns a thenable that throws', () => thenable(() => fail())],
    ['returns a thenable that rejects', () => thenable((_, reject) => reject(new Error('boom')))],
    ['returns a thenable whose async then rejects', () => thenable(async () => fail())],
    ['returns a thenable whose getter throws', () => withThrowingGetter({}, 'then')],
  ])('a schema that %s fails as a callback does, and hurts nobody else', async (_, validate) => {
    const { handler, peer } = await connect({ schema: schemaOf(validate) });
    peer.send('1');
    expect((await peer.closed).code).toBe(1011);
    expect((await handler.ended()).cause).toBe('callback');
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
    const { error } = handler.errors[0]!;
    expect([error.code, error.message.split(':', 1)[0]]).toEqual(['ERR_CALLBACK_FAILED', 'schema failed']);
  });

  test('a thenable that settles twice delivers once, and a value with a then of its own is no promise', async () => {
    const value = thenable(() => expect.unreachable());
    const schema = schemaOf(() =>
      thenable((resolve) => {
        resolve({ value });
        resolve(INVALID);
      }),
    );
    const { handler, peer } = await connect({ schema });
    peer.send('1');
    peer.send('2');
    expect(await handler.nextMessages(2)).toEqual([value, value]);
  });

  test('without onError the failure of a schema is reported, and a message that does not match is not', async () => {
    const reports = recordErrors();
    for (const [schema, expected] of [
      [schemaOf(fail), ['schema failed: boom']],
      [schemaOf(() => INVALID), []],
    ] as const) {
      const { handler, peer } = await connect({ schema }, {}, {});
      Object.defineProperty(handler, 'onError', { value: undefined });
      peer.send('1');
      await peer.closed;
      await handler.ended();
      expect(reports.splice(0).map(([item]) => item!.message)).toEqual(expected);
    }
  });

  test('a failing handler behind an asynchronous validation fails as onMessage', async () => {
    const schema = schemaOf(async (value) => ({ value }));
    const { handler, peer } = await connect({ schema }, { onMessage: fail });
    peer.send('1');
    expect((await peer.closed).code).toBe(1011);
    await handler.ended();
    expect(handler.errors[0]!.error.message).toBe('onMessage failed: boom');
  });

  test('schema, onMessage behind an await, and onInvalid run in the scope of the connection', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const note = (name: string): unknown => seen.push([name, storage.getStore(), currentProcessName()]);
    const schema = schemaOf(async (value) => {
      note('schema');
      await turns(1);
      return value === 1 ? { value } : INVALID;
    });
    const name = workerName();
    const pair = createDeferred<Pair>();
    const open = (): Promise<void> =>
      storage.run('ctx', async () => {
        const made = connect({ schema, onInvalid: () => note('onInvalid') }, { onMessage: () => note('onMessage') });
        void made.then(pair.resolve);
      });
    callWorker(name, open);
    const { peer } = await pair.promise;
    peer.send('1');
    peer.send('2');
    await expect.poll(() => seen.length).toBe(4);
    const names = seen.map((entry) => (entry as string[])[0]);
    expect(names).toEqual(['schema', 'onMessage', 'schema', 'onInvalid']);
    expect(seen).toEqual(names.map((of) => [of, 'ctx', name]));
  });

  describe('validateOutgoing', () => {
    const schema = z.object({ user: z.object({ age: z.number() }) });

    test.each([
      ['as the schema', { schema, validateOutgoing: true }],
      ['as a schema of its own', { validateOutgoing: schema }],
    ])('refuses what does not match at the call: %s', async (_, validation) => {
      const { ws, peer } = await connect(validation);
      const error = errorOf(() => ws.send({ user: { age: '36' } }));
      expect(error).toMatchObject({ code: 'ERR_INVALID_MESSAGE', side: 'local' });
      expect(error.message).toBe('cannot send: user.age does not match the schema');
      expect(error.issues![0]!.path).toBe('user.age');
      expect(ws.send({ user: { age: 36 } })).toBe('sent');
      expect(await peer.nextText()).toBe('{"user":{"age":36}}');
      expect(ws.status).toBe('Connected');
    });

    test('checks the JSON that the peer gets, which a getter or toJSON may have changed, and sends it as it is', async () => {
      const { ws, peer } = await connect({ validateOutgoing: z.object({ n: z.string().transform(Number) }) });
      const numbers = ['1', 2];
      const changing = {
        get n() {
          return numbers.shift();
        },
      };
      ws.send(changing);
      expect(() => ws.send({ toJSON: () => ({ n: 3 }) })).toThrow('cannot send: n does not match the schema');
      expect(await peer.nextText()).toBe('{"n":"1"}');
    });

    test('checks strings and bytes as JSON', async () => {
      const { ws, peer } = await connect({ validateOutgoing: z.number() });
      ws.send('1');
      expect(await peer.nextText()).toBe('1');
      ws.send(Buffer.from('2'));
      expect(await peer.nextText()).toBe('2');
      expect(() => ws.send('"1"')).toThrow('cannot send: it does not match the schema');
      const notJson = 'cannot send: it is not JSON, which validateOutgoing needs: pass an object or an array';
      expect(() => ws.send('secret')).toThrow(notJson);
      expect(() => ws.send(Buffer.from([0x22, 0xff, 0x22]))).toThrow(notJson);
    });

    test.each<[string, (value: unknown) => unknown, string]>([
      [
        'is asynchronous',
        async () => fail(),
        'the schema is asynchronous, and a send cannot wait for it; pass a schema that is synchronous as validateOutgoing',
      ],
      ['throws', () => fail(), 'the schema failed: boom'],
      ['returns rubbish', () => 1, 'the schema failed: the schema returned no object'],
    ])('a schema that %s is an error at the call, and ends nothing', async (_, validate, text) => {
      const { ws } = await connect({ validateOutgoing: schemaOf(validate) });
      const error = errorOf(() => ws.send({}));
      expect([error.code, error.message]).toEqual(['ERR_INVALID_MESSAGE', `cannot send: ${text}`]);
      await turns();
      expect(ws.status).toBe('Connected');
    });
  });
});

test('a broadcast that does not match reaches nobody', async () => {
  const { wss, url } = await startServerOf(recordingHandler(), {
    dataType: 'object',
    validateOutgoing: schemaOf((value) => (value === 1 ? { value } : INVALID)),
  });
  const peer = await connectPeer(url);
  expect(() => wss.broadcast({ n: 1 })).toThrow('cannot send: it does not match the schema');
  expect(wss.broadcast('1')).toBe(1);
  expect(await peer.nextText()).toBe('1');
});

test('a client that waits for a connection checks what it is given to send', async () => {
  const server = await startPeerServer();
  const lost = createDeferred();
  const handler = { validateOutgoing: z.object({ n: z.number() }), onDisconnect: () => lost.resolve() };
  const ws = await WebSocket.connect(server.url, handler, { reconnect: { minDelayMs: 1 } });
  (await server.accept()).cut();
  await lost.promise;
  expect(() => ws.send({ n: '1' })).toThrow('cannot send: n does not match the schema');
  ws.send({ n: 1 });
  expect(await (await server.accept()).nextText()).toBe('{"n":1}');
  ws.terminate();
});

test('an invalid message of a lost connection does not end the connection that follows', async () => {
  const server = await startPeerServer();
  const gates: Deferred<void>[] = [];
  const messages: unknown[] = [];
  const schema = schemaOf(async (value) => {
    const gate = createDeferred();
    gates.push(gate);
    await gate.promise;
    return value === 1 ? INVALID : { value };
  });
  const handler = {
    dataType: 'object' as const,
    schema,
    onMessage: (_: object, { data }: { data: unknown }) => void messages.push(data),
  };
  const ws = await WebSocket.connect(server.url, handler, { reconnect: { minDelayMs: 1 } });
  const first = await server.accept();
  first.send('1');
  first.send('2');
  await expect.poll(() => gates.length).toBe(1);
  first.socket.close(1012);
  const second = await server.accept();
  await turns();
  gates[0]!.resolve();
  await turns();
  second.send('3');
  await expect.poll(() => gates.length).toBe(2);
  gates[1]!.resolve();
  await expect.poll(() => messages).toEqual([3]);
  expect(ws.status).toBe('Connected');
  ws.terminate();
});

test('a client with the option reconnect stays closed after an invalid message', async () => {
  const server = await startPeerServer();
  const handler = Object.assign(recordingHandler({ dataType: 'object' }), { schema: z.number() });
  await WebSocket.connect(server.url, handler as object, { reconnect: { minDelayMs: 1 } });
  (await server.accept()).send('"1"');
  const { code } = await handler.ended();
  expect([code, handler.callbacks]).toEqual([1007, ['onOpen', 'onError', 'onTerminate']]);
});

test('this in onInvalid is the handler of a client', async () => {
  const server = await startRawServer();
  const selves: unknown[] = [];
  const handler = {
    dataType: 'object' as const,
    schema: z.number(),
    onInvalid(): void {
      selves.push(this);
    },
  };
  const attempt = WebSocket.connect(server.url, handler);
  const peer = await server.open();
  const ws = await attempt;
  peer.socket.write(Buffer.from([0x81, 2, 0x22, 0x22]));
  await expect.poll(() => selves).toEqual([handler]);
  ws.destroy();
});

describe('the error', () => {
  test.each<[readonly unknown[], string]>([
    [['items', 3, 'name'], 'items[3].name'],
    [[{ key: 'items' }, { key: 0 }], 'items[0]'],
    [['a b', 'c"d', ''], '["a b"]["c\\"d"][""]'],
    [[Symbol('s')], '[Symbol(s)]'],
    [['line\nbreak\u202e'], '["line\\nbreak "]'],
    [Array.from({ length: 1000 }, () => 'a'), Array.from({ length: 32 }, () => 'a').join('.')],
    [['a'.repeat(1_000_000)], 'a'.repeat(120)],
  ])('shows the path %o on one line', async (path, shown) => {
    const error = await errorWith([{ message: 'no', path }]);
    expect(error.issues).toEqual([{ path: shown, message: 'no' }]);
    expect(error.message).toBe(`invalid message: ${shown} does not match the schema`);
  });

  test('has no more than 8 issues, each short and on one line, and counts the others', async () => {
    const issue = { message: `bad\n${'x'.repeat(1000)}`, path: ['a'] };
    const error = await errorWith(Array.from({ length: 100_000 }, () => issue));
    expect(error.issues).toHaveLength(8);
    expect(error.issues![0]!.message).toMatch(/^bad x+…$/);
    expect(error.issues![0]!.message).toHaveLength(200);
    expect(error.message).toBe('invalid message: a does not match the schema (and 99999 more)');
  });

  test('without any issue says so, and never shows the message itself', async () => {
    expect((await errorWith([])).message).toBe('invalid message: it does not match the schema');
    const quoting = await errorWith([{ message: 'Expected number but received "secret"' }]);
    expect(inspect(quoting) + JSON.stringify(quoting)).not.toContain('secret');
    expect(quoting.issues![0]!.message).toContain('secret');
  });
});

describe('the options', () => {
  const NOT_STANDARD =
    'must be a Standard Schema of version 1, such as those of zod 3.24, valibot 1, arktype 2 and newer';
  const standard = z.number()['~standard'];
  test.each<[object, string]>([
    [{ schema: {} }, `schema ${NOT_STANDARD}`],
    [{ schema: 'number' }, `schema ${NOT_STANDARD}`],
    [{ schema: null }, `schema ${NOT_STANDARD}`],
    [{ schema: { '~standard': { ...standard, version: 2 } } }, `schema ${NOT_STANDARD}`],
    [{ schema: { '~standard': { ...standard, validate: 'yes' } } }, `schema ${NOT_STANDARD}`],
    [{ schema: z.number(), onInvalid: 'ignore' }, 'onInvalid must be "close", "drop" or a function'],
    [{ onInvalid: 'drop' }, 'onInvalid needs schema'],
    [{ validateOutgoing: true }, 'validateOutgoing needs schema: pass a schema instead of true'],
    [{ validateOutgoing: 'yes' }, `validateOutgoing ${NOT_STANDARD}`],
    [{ schema: z.number(), dataType: 'text' }, 'schema needs dataType "object": with "text" a message is not parsed'],
    [{ schema: z.number(), dataType: 'blob' }, 'schema needs dataType "object": with "blob" a message is not parsed'],
    [
      { schema: z.number(), dataType: undefined },
      'schema needs dataType "object": with "text" a message is not parsed',
    ],
  ])('%o are refused on both sides', refuses);

  test.each<[string, () => object]>([
    ['a getter that throws', () => withThrowingGetter({}, '~standard')],
    ['a Proxy that throws', () => throwingProxy()],
  ])('a schema with %s is refused on both sides', (_, make) => refuses({ schema: make() }, 'schema cannot be read: '));

  test('validate is called on what ~standard is', async () => {
    const ofSchema = {
      version: 1 as const,
      vendor: 'test',
      answer: 42,
      validate(): { value: number } {
        return { value: this.answer };
      },
    };
    const { handler, peer } = await sides[1]!.connect({ schema: { '~standard': ofSchema } });
    peer.send('1');
    expect(await handler.nextMessage()).toBe(42);
  });

  test('the schema is read once', async () => {
    let reads = 0;
    const schema = {
      get '~standard'() {
        reads++;
        return standard;
      },
    };
    const { handler, peer } = await sides[1]!.connect({ schema });
    peer.send('1');
    peer.send('2');
    expect([await handler.nextMessages(2), reads]).toEqual([[1, 2], 1]);
  });
});

function fail(): never {
  throw new Error('boom');
}

/** The error of a message in which a schema finds these issues. */
async function errorWith(issues: readonly unknown[]): Promise<FourDError> {
  const { handler, peer } = await sides[1]!.connect({ schema: schemaOf(() => ({ issues })) });
  peer.send('"secret"');
  await handler.ended();
  return handler.errors[0]!.error;
}

/** Expects these options to be refused by clients and servers. */
async function refuses(given: object, problem: string): Promise<void> {
  const options = { dataType: 'object', ...given };
  const error = errorOf(() =>
    WebSocketServer.new({ onConnection: () => null }, { ...options, webServer: null } as object),
  );
  const clientError = await WebSocket.connect('ws://127.0.0.1:1', options as object).catch((thrown: unknown) => thrown);
  for (const { code, message } of [error, clientError as FourDError]) {
    expect(code).toBe('ERR_INVALID_OPTION');
    expect(message).toContain(`invalid option: ${problem}`);
  }
}
