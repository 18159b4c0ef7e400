import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import type { CommonOptions } from '../../src/session/common-options.ts';
import { ClientSession, type ClientSessionOwner } from '../../src/client/client-session.ts';
import { ServerSession, type SessionServer } from '../../src/server/server-session.ts';
import { openConnection } from '../../src/session/open-connection.ts';
import type { WebSocket } from '../../src/client/web-socket.ts';
import { FourDError } from '../../src/errors.ts';
import { throwError } from '../../src/workers/error-handling.ts';
import { mainWorker } from '../../src/workers/worker.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { describeFrames, frame, otherRole, ROLES } from '../helpers/frames.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { type Additions, RecordingHandler } from '../helpers/recording-handler.ts';
import { turns } from '../helpers/turns.ts';

/** Owner of a client, or server of a connection, that keeps what it hears. */
class Owner implements ClientSessionOwner, SessionServer {
  readonly log: string[] = [];
  readonly connectPhase = 'connecting';
  /** The session, for what a handler reads of its first parameter. */
  subject!: WebSocket<never>;
  /** Set to decide when onTerminate runs. */
  deferEnd: (deliver: () => void) => void = (deliver) => deliver();

  giveUpConnecting(): void {
    this.log.push('aborted');
  }

  onOpened(): void {
    this.log.push('opened');
  }

  onFinished(): void {
    this.log.push('finished');
  }

  deliverEnd(_: ServerSession, deliver: () => void): void {
    this.deferEnd(deliver);
  }

  onSessionClosed(): void {
    this.log.push('closed');
  }

  onSessionFinished(): void {
    this.log.push('finished');
  }
}

interface Made<S = ClientSession | ServerSession> {
  readonly session: S;
  readonly owner: Owner;
  readonly handler: RecordingHandler;
}

function make(role: 'client', additions?: Additions, options?: CommonOptions): Made<ClientSession>;
function make(role: Role, additions?: Additions, options?: CommonOptions): Made;
function make(role: Role, additions: Additions = {}, options: CommonOptions = {}): Made {
  const owner = new Owner();
  const handler = new RecordingHandler(additions);
  const { limits } = parseClientOptions(options);
  const settings = { dataType: additions.dataType ?? 'text', worker: mainWorker, limits };
  const session =
    role === 'client'
      ? new ClientSession(owner, handler, settings, undefined)
      : new ServerSession(owner, handler, settings, '');
  owner.subject = session as unknown as WebSocket<never>;
  if (session instanceof ServerSession) session.subject = session;
  return { session, owner, handler };
}

interface Opened<S = ClientSession | ServerSession> extends Made<S> {
  readonly peer: MemoryTransport;
  /** Sends frames of the peer in one write: first byte and payload, as hex or bytes. */
  readonly send: (...frames: readonly (readonly [first: string, payload?: string | Uint8Array])[]) => void;
  /** The frames of the session. */
  readonly sent: string[];
}

/** A session that is open, and the other end of its transport. It ends with the test. */
function open(role: 'client', additions?: Additions, options?: CommonOptions, head?: Buffer): Opened<ClientSession>;
function open(role: Role, additions?: Additions, options?: CommonOptions, head?: Buffer): Opened;
function open(role: Role, additions?: Additions, options?: CommonOptions, head: Buffer = Buffer.alloc(0)): Opened {
  const made = make(role, additions, options);
  const [transport, peer] = MemoryTransport.pair();
  const listener = RecordingListener.on(peer);
  const { limits } = parseClientOptions(options ?? {});
  const opened = { transport, head, answer: '', compression: undefined };
  made.session.open(openConnection(opened, role, additions?.dataType ?? 'text', limits));
  onTestFinished(async () => {
    made.session.destroy();
    // Its deadlines go with it.
    await turns();
  });
  return {
    ...made,
    peer,
    send: (...frames) => void peer.write(frames.map(([first, payload]) => frame(otherRole(role), first, payload))),
    get sent() {
      return describeFrames(listener.bytes, role);
    },
  };
}

function caughtConsoleErrors(): unknown[] {
  const caught: unknown[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((...values) => void caught.push(...(values as unknown[])));
  onTestFinished(() => spy.mockRestore());
  return caught;
}

const TEXT_A = ['81', '61'] as const;
const CLOSE_4002 = ['88', '0fa2646f6e65'] as const;

test('each session has an id of its own', () => {
  const ids = Array.from({ length: 100 }, () => make('client').session.id);
  expect(ids.every(Number.isInteger)).toBe(true);
  expect(new Set(ids).size).toBe(100);
});

describe('before it is open', () => {
  test('it is Connecting and has sent nothing', () => {
    const { session } = make('client');
    expect(session.status).toBe('Connecting');
    expect(session.bufferedBytes).toBe(0);
  });

  test.each([
    ['client', 'HTCL'],
    ['server', 'HTTP'],
  ] as const)('send() on the %s generates an error', (role, componentSignature) => {
    const { session } = make(role);
    expect(() => session.send('too early')).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_CONNECTED', componentSignature }),
    );
    const calls = recordErrors();
    session.send('too early');
    expect(calls).toHaveLength(1);
  });

  test('the end of its worker aborts it', () => {
    const { session, owner } = make('client');
    session.onWorkerEnding();
    expect(owner.log).toEqual(['aborted']);
  });

  test('failToOpen() runs onError, then onTerminate', () => {
    const { session, owner, handler } = make('client');
    session.failToOpen(new FourDError('ERR_CONNECT_FAILED', 'no way'));
    expect(handler.names).toEqual(['onError', 'onTerminate']);
    expect(handler.calls.all.map(({ status }) => status)).toEqual(['Closing', 'Closed']);
    expect(owner.log).toEqual(['finished']);
  });

  test('failToOpen() lets onTerminate wait for an asynchronous onError', async () => {
    const gate = createDeferred();
    const { session, handler } = make('client', { onError: () => gate.promise });
    session.failToOpen(new FourDError('ERR_CONNECT_FAILED', 'no way'));
    await turns();
    expect(handler.names).toEqual(['onError']);
    gate.resolve();
    await turns();
    expect(handler.names).toEqual(['onError', 'onTerminate']);
  });

  test('giveUp() runs onTerminate, later', async () => {
    const { session, handler } = make('client');
    session.giveUp('local', 'connecting');
    expect(session.status).toBe('Closing');
    expect(handler.names).toEqual([]);
    expect(await handler.terminated).toMatchObject({
      type: 'terminate',
      code: 1006,
      reason: undefined,
      wasClean: false,
    });
    expect(handler.names).toEqual(['onTerminate']);
  });

  test('cancel() runs nothing', async () => {
    const { session, owner, handler } = make('client');
    session.cancel();
    expect(session.status).toBe('Closed');
    await turns();
    expect(handler.names).toEqual([]);
    expect(owner.log).toEqual([]);
  });
});

describe('a client', () => {
  test('the end of its worker closes it with 1001, and destroys it after 2 seconds', async () => {
    const clock = useFakeClock();
    const opened = open('client');
    opened.session.onWorkerEnding();
    await clock.advance(1900);
    expect(opened.sent).toEqual(['88 03e9']);
    expect(opened.handler.names).toEqual(['onOpen']);
    await clock.advance(200);
    expect((await opened.handler.terminated).code).toBe(1006);
  });

  test('the end of its worker hastens a close that is under way', async () => {
    const clock = useFakeClock();
    const opened = open('client', {}, { closeTimeoutMs: Infinity });
    opened.session.close(4000, '');
    await clock.advance(100_000);
    expect(opened.handler.names).toEqual(['onOpen']);
    opened.session.onWorkerEnding();
    await clock.advance(2100);
    expect((await opened.handler.terminated).code).toBe(1006);
    expect(opened.sent).toEqual(['88 0fa0']);
  });
});

describe('a connection of a server', () => {
  test('onTerminate runs when the server says so', async () => {
    const { owner, send, handler, session, peer } = open('server');
    const deferred = createDeferred<() => void>();
    owner.deferEnd = deferred.resolve;
    send(CLOSE_4002);
    peer.end();
    const deliver = await deferred.promise;
    await turns();
    expect(handler.names).toEqual(['onOpen']);
    expect(session.status).toBe('Closing');
    deliver();
    expect(await handler.terminated).toMatchObject({ type: 'terminate', code: 4002, reason: 'done', wasClean: true });
  });
});

describe.each(ROLES)('a %s', (role) => {
  /** What its owner hears: of a client, when it is open; of a connection of a server, when it is closed. */
  const beginning = role === 'client' ? ['opened'] : [];
  const end = role === 'client' ? [] : ['closed'];

  test('runs onOpen at once, with status Connected', () => {
    const { handler, owner, session } = open(role);
    expect(handler.names).toEqual(['onOpen']);
    expect(handler.calls.all[0]!.status).toBe('Connected');
    expect(owner.log).toEqual(beginning);
    expect(session.status).toBe('Connected');
  });

  test('delivers nothing before an asynchronous onOpen is over, whether it came with the handshake or later', async () => {
    const gate = createDeferred();
    const head = frame(otherRole(role), '81', '68656164');
    const { handler, owner, send, peer } = open(role, { onOpen: () => gate.promise }, {}, head);
    send(TEXT_A, CLOSE_4002);
    peer.end();
    await turns();
    expect(handler.names).toEqual(['onOpen']);
    expect(owner.log).toEqual([]);
    gate.resolve();
    await turns();
    expect(handler.names).toEqual(['onOpen', 'onMessage', 'onMessage', 'onTerminate']);
    expect(handler.messages).toEqual(['head', 'a']);
    expect(owner.log).toEqual([...beginning, ...end, 'finished']);
  });

  test('may send and close within onOpen', async () => {
    const opened = open(role, {
      onOpen(ws) {
        ws.send('hello');
        ws.send(Buffer.of(1));
        (ws as unknown as ClientSession).close(1000, '');
        ws.send('too late');
      },
    });
    expect(opened.session.status).toBe('Closing');
    await turns();
    expect(opened.sent).toEqual(['81 68656c6c6f', '82 01', '88 03e8']);
    expect(opened.handler.names).toEqual(['onOpen']);
  });

  test('leaves its owner before onTerminate, and is finished after it', async () => {
    const gate = createDeferred();
    const { owner, send, handler, peer } = open(role, {
      onTerminate() {
        owner.log.push('onTerminate');
        return gate.promise;
      },
    });
    send(CLOSE_4002);
    peer.end();
    await handler.terminated;
    await turns();
    expect(owner.log).toEqual([...beginning, ...end, 'onTerminate']);
    gate.resolve();
    await turns();
    expect(owner.log).toEqual([...beginning, ...end, 'onTerminate', 'finished']);
  });

  test('close() mutes, closes, and ends when the peer answers', async () => {
    const { session, send, handler, peer } = open(role);
    session.close(4000, 'bye');
    expect(session.status).toBe('Closing');
    send(TEXT_A, ['88', '0fa0']);
    peer.end();
    expect(await handler.terminated).toMatchObject({
      type: 'terminate',
      code: 4000,
      reason: undefined,
      wasClean: true,
    });
    expect(handler.names).toEqual(['onOpen', 'onTerminate']);
    session.close(1000, '');
    session.destroy();
    expect(session.status).toBe('Closed');
  });

  test('close() sends code and reason', async () => {
    const opened = open(role);
    opened.session.close(4000, 'bye');
    await turns();
    expect(opened.sent).toEqual(['88 0fa0627965']);
  });

  test('destroy() sends no close frame and runs no onError', async () => {
    const opened = open(role);
    opened.session.destroy();
    expect(opened.session.status).toBe('Closing');
    expect(opened.handler.names).toEqual(['onOpen']);
    expect(await opened.handler.terminated).toMatchObject({
      type: 'terminate',
      code: 1006,
      reason: undefined,
      wasClean: false,
    });
    expect(opened.handler.names).toEqual(['onOpen', 'onTerminate']);
    expect(opened.sent).toEqual([]);
  });

  test('reads no further while as many messages wait as may, and loses none', async () => {
    const gate = createDeferred();
    const opened = open(role, { onMessage: () => gate.promise }, { maxWaitingMessages: 3 });
    const payload = Buffer.alloc(1000, 'x');
    for (let i = 0; i < 100; i++) {
      opened.send(['81', payload]);
      await turns(1);
    }
    await turns();
    const held = opened.peer.bufferedBytes;
    // One runs, three wait, and the rest is still with the peer.
    expect(held).toBeGreaterThanOrEqual(95 * 1000);
    expect(opened.handler.messages).toHaveLength(1);
    gate.resolve();
    expect(await opened.handler.messagesAtLeast(100)).toHaveLength(100);
    await turns();
    expect(opened.peer.bufferedBytes).toBe(0);
  });

  test('sees the close of the peer behind messages that waited', async () => {
    const gates = Array.from({ length: 20 }, () => createDeferred());
    let next = 0;
    const opened = open(role, { onMessage: () => gates[next++]!.promise }, { maxWaitingMessages: 2 });
    opened.send(...Array.from({ length: 20 }, () => TEXT_A), CLOSE_4002);
    opened.peer.end();
    for (const gate of gates) {
      await turns(2);
      gate.resolve();
    }
    expect(await opened.handler.terminated).toMatchObject({ code: 4002, reason: 'done', wasClean: true });
    expect(opened.handler.messages).toHaveLength(20);
  });
});

describe('a callback that fails', () => {
  const failures: readonly (readonly [what: string, thrown: unknown, text: string])[] = [
    ['an error', new Error('on purpose'), 'on purpose'],
    ['an error of the library', new FourDError('ERR_THROWN', 'on purpose', { errCode: 4000 }), 'on purpose'],
    ['a text', 'on purpose', 'on purpose'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a symbol', Symbol('purpose'), 'Symbol(purpose)'],
    ['an object that cannot be shown', Object.create(null), 'a value that cannot be shown as text'],
    ['a revoked proxy', makeRevoked(), 'a value that cannot be shown as text'],
  ];

  describe.each(failures)('with %s', (_what, thrown, text) => {
    test.each([
      ['onOpen throws', 'onOpen', false],
      ['onOpen rejects', 'onOpen', true],
      ['onMessage throws', 'onMessage', false],
      ['onMessage rejects', 'onMessage', true],
    ] as const)(
      '%s: onError with one item, a close with 1011 without reason, onTerminate',
      async (_how, name, isAsync) => {
        const errors = recordErrors();
        const fail = (): unknown => (isAsync ? Promise.reject(thrown) : throwIt(thrown));
        const opened = open('server', { [name]: fail });
        opened.send(TEXT_A, TEXT_A, TEXT_A);
        await turns();
        opened.peer.end();
        expect(await opened.handler.terminated).toMatchObject({
          type: 'terminate',
          code: 1011,
          reason: undefined,
          wasClean: false,
        });
        const before = name === 'onOpen' ? ['onOpen'] : ['onOpen', 'onMessage'];
        expect(opened.handler.names).toEqual([...before, 'onError', 'onTerminate']);
        const [event] = opened.handler.errors;
        expect(event!.errors).toEqual([
          { errCode: 1011, message: `${name} failed: ${text}`, componentSignature: 'host' },
        ]);
        expect(event!.error.cause).toBe(thrown);
        expect(opened.sent).toEqual(['88 03f3']);
        expect(errors).toEqual([]);
      },
    );
  });

  test('with throwError(): no close code of its own', async () => {
    const opened = open('server', { onMessage: () => throwError(4000, 'on purpose') });
    opened.send(TEXT_A);
    await turns();
    opened.peer.end();
    expect((await opened.handler.terminated).code).toBe(1011);
    expect(opened.sent).toEqual(['88 03f3']);
  });

  test('is reported to the error handler when there is no onError', async () => {
    const errors = recordErrors();
    const opened = open('server', { onMessage: () => throwIt(new Error('on purpose')) });
    Object.defineProperty(opened.handler, 'onError', { value: undefined });
    opened.send(TEXT_A);
    await turns();
    opened.peer.end();
    await opened.handler.terminated;
    expect(errors).toEqual([[{ errCode: 1011, message: 'onMessage failed: on purpose', componentSignature: 'host' }]]);
  });

  test('is printed when there is neither onError nor an error handler', async () => {
    const printed = caughtConsoleErrors();
    const opened = open('server', { onMessage: () => throwIt(new Error('on purpose')) });
    Object.defineProperty(opened.handler, 'onError', { value: undefined });
    opened.send(TEXT_A);
    await turns();
    expect(printed).toEqual([expect.objectContaining({ code: 'ERR_CALLBACK_FAILED' })]);
  });

  test.each([
    ['throw', false],
    ['reject', true],
  ] as const)('onError and onTerminate that %s are reported, and run once all the same', async (_how, isAsync) => {
    const errors = recordErrors();
    const fail = (name: string): unknown => (isAsync ? Promise.reject(new Error(name)) : throwIt(new Error(name)));
    const opened = open('server', { onError: () => fail('one'), onTerminate: () => fail('two') });
    opened.peer.destroy();
    await opened.handler.terminated;
    await turns();
    expect(opened.handler.names).toEqual(['onOpen', 'onError', 'onTerminate']);
    expect(errors.map(([item]) => item!.message)).toEqual(['onError failed: one', 'onTerminate failed: two']);
    expect(opened.owner.log).toEqual(['closed', 'finished']);
  });

  test('after the peer has closed: onError still comes, in front of onTerminate', async () => {
    const errors = recordErrors();
    const gate = createDeferred();
    const opened = open('server', { onMessage: () => gate.promise });
    opened.send(TEXT_A, TEXT_A, CLOSE_4002);
    opened.peer.end();
    await turns();
    gate.reject(new Error('on purpose'));
    expect(await opened.handler.terminated).toMatchObject({ code: 4002, reason: 'done' });
    expect(opened.handler.names).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    expect(opened.handler.errors[0]!.errors[0]!.errCode).toBe(1011);
    expect(opened.sent).toEqual(['88 0fa2']);
    expect(errors).toEqual([]);
  });

  test('after the connection was lost: onError comes once, for the loss, and the failure is reported', async () => {
    const errors = recordErrors();
    const gate = createDeferred();
    const opened = open('server', { onMessage: () => gate.promise });
    opened.send(TEXT_A, TEXT_A);
    await turns();
    opened.peer.destroy();
    await turns();
    gate.reject(new Error('on purpose'));
    expect(await opened.handler.terminated).toMatchObject({ code: 1006 });
    expect(opened.handler.names).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    expect(opened.handler.errors[0]!.error.code).toBe('ERR_CONNECTION_LOST');
    expect(errors.map(([item]) => item!.message)).toEqual(['onMessage failed: on purpose']);
  });

  test('a second time, in what waited behind it: messages are muted, so it cannot', async () => {
    const opened = open('server', { onMessage: () => Promise.reject(new Error('on purpose')) });
    opened.send(TEXT_A, TEXT_A, TEXT_A, TEXT_A);
    await turns();
    opened.peer.end();
    await opened.handler.terminated;
    expect(opened.handler.names).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  });

  test('with an onError that is a getter that throws: reported, nothing else happens', async () => {
    const errors = recordErrors();
    const opened = open('server', { onMessage: () => throwIt(new Error('on purpose')) });
    Object.defineProperty(opened.handler, 'onError', { get: () => throwIt(new Error('no onError today')) });
    opened.send(TEXT_A);
    await turns();
    opened.peer.end();
    await opened.handler.terminated;
    expect(errors.map(([item]) => item!.message)).toEqual([
      'onMessage failed: on purpose',
      'onError failed: no onError today',
    ]);
  });
});

function throwIt(thrown: unknown): never {
  throw thrown;
}

function makeRevoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
