import { Observed } from '../../src/diagnostics/observed.ts';
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
import { scopeIn } from '../helpers/scope-in.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { describeFrames, frame, otherRole, ROLES } from '../helpers/frames.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { turns } from '../helpers/turns.ts';
import { watchCalls } from '../helpers/calls.ts';

/** Owner of a client, or server of a connection, that logs its calls. */
class Owner implements ClientSessionOwner, SessionServer {
  readonly log: string[] = [];
  readonly connectPhase = 'connecting';
  /** The session, which stands in for the first parameter of the handler. */
  subject!: WebSocket<never>;
  /** Decides when onTerminate runs. Replaced by tests. */
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

  onSessionEnded(): void {
    this.log.push('ended');
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
  readonly handler: RecordingHandler<unknown>;
}

function make(role: 'client', additions?: RecordedCallbacks<unknown>, options?: CommonOptions): Made<ClientSession>;
function make(role: Role, additions?: RecordedCallbacks<unknown>, options?: CommonOptions): Made;
function make(role: Role, additions: RecordedCallbacks<unknown> = {}, options: CommonOptions = {}): Made {
  const owner = new Owner();
  const handler = recordingHandler(additions);
  const { limits } = parseClientOptions(options);
  const observed = new Observed(role);
  const settings = { dataType: additions.dataType ?? 'text', scope: scopeIn(mainWorker), limits, observed };
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
  /** Sends frames of the peer in one write: first byte as hex, payload as hex or bytes. */
  readonly send: (...frames: readonly (readonly [first: string, payload?: string | Uint8Array])[]) => void;
  /** The frames that the session has sent. */
  readonly sent: string[];
}

/** Opens a session, and returns it with the other end of its transport. The session ends with the test. */
function open(
  role: 'client',
  additions?: RecordedCallbacks<unknown>,
  options?: CommonOptions,
  head?: Buffer,
): Opened<ClientSession>;
function open(role: Role, additions?: RecordedCallbacks<unknown>, options?: CommonOptions, head?: Buffer): Opened;
function open(
  role: Role,
  additions?: RecordedCallbacks<unknown>,
  options?: CommonOptions,
  head: Buffer = Buffer.alloc(0),
): Opened {
  const made = make(role, additions, options);
  const [transport, peer] = MemoryTransport.pair();
  const listener = RecordingListener.on(peer);
  const { limits } = parseClientOptions(options ?? {});
  const opened = { transport, head, answer: '', compression: undefined };
  made.session.open(openConnection(opened, role, made.session, limits));
  onTestFinished(async () => {
    made.session.destroy();
    // The deadlines of the session are cancelled in later turns.
    await turns();
  });
  return {
    ...made,
    peer,
    send: (...frames) => peer.write(frames.map(([first, payload]) => frame(otherRole(role), first, payload))),
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

test('gives each session a unique id', () => {
  const ids = Array.from({ length: 100 }, () => make('client').session.id);
  expect(ids.every(Number.isInteger)).toBe(true);
  expect(new Set(ids).size).toBe(100);
});

describe('before the session is open', () => {
  test('is Connecting and has sent nothing', () => {
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

  test('gives up connecting when its worker ends', () => {
    const { session, owner } = make('client');
    session.onWorkerEnding();
    expect(owner.log).toEqual(['aborted']);
  });

  test('failToOpen() runs onError, then onTerminate', () => {
    const { session, owner, handler } = make('client');
    const calls = watchCalls(handler);
    session.failToOpen(new FourDError('ERR_CONNECT_FAILED', 'no way'), 'connect', 'connecting');
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
    expect(calls.map(({ status }) => status)).toEqual(['Closing', 'Closed']);
    expect(owner.log).toEqual(['finished']);
  });

  test('failToOpen() runs onTerminate after an asynchronous onError', async () => {
    const gate = createDeferred();
    const { session, handler } = make('client', { onError: () => gate.promise });
    session.failToOpen(new FourDError('ERR_CONNECT_FAILED', 'no way'), 'connect', 'connecting');
    await turns();
    expect(handler.callbacks).toEqual(['onError']);
    gate.resolve();
    await turns();
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
  });

  test('giveUp() runs onTerminate in a later turn', async () => {
    const { session, handler } = make('client');
    session.giveUp('local', 'connecting');
    expect(session.status).toBe('Closing');
    expect(handler.callbacks).toEqual([]);
    expect(await handler.ended()).toMatchObject({
      type: 'terminate',
      code: 1006,
      reason: undefined,
      wasClean: false,
    });
    expect(handler.callbacks).toEqual(['onTerminate']);
  });

  test('cancel() runs no callback', async () => {
    const { session, owner, handler } = make('client');
    session.cancel({ cause: 'local', phase: 'connecting' });
    expect(session.status).toBe('Closed');
    await turns();
    expect(handler.callbacks).toEqual([]);
    expect(owner.log).toEqual([]);
  });
});

describe('a client', () => {
  test('is closed with 1001 when its worker ends, and cut when the worker’s time is up', async () => {
    const clock = useFakeClock();
    const opened = open('client', {}, { closeTimeoutMs: Infinity, pingIntervalMs: Infinity });
    opened.session.onWorkerEnding();
    await clock.advance(100_000);
    expect(opened.sent).toEqual(['88 03e9']);
    expect(opened.handler.callbacks).toEqual(['onOpen']);
    opened.session.onWorkerOverdue();
    expect(await opened.handler.ended()).toMatchObject({ code: 1006, cause: 'worker', phase: 'closing' });
    expect(opened.handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('is cut when the time of its worker is up during a close', async () => {
    const clock = useFakeClock();
    const opened = open('client', {}, { closeTimeoutMs: Infinity, pingIntervalMs: Infinity });
    opened.session.close(4000, '');
    await clock.advance(100_000);
    expect(opened.handler.callbacks).toEqual(['onOpen']);
    opened.session.onWorkerEnding();
    opened.session.onWorkerOverdue();
    expect(await opened.handler.ended()).toMatchObject({ code: 1006, cause: 'worker', phase: 'closing' });
    expect(opened.sent).toEqual(['88 0fa0']);
  });
});

describe('a connection of a server', () => {
  test('runs onTerminate when the server delivers it', async () => {
    const { owner, send, handler, session, peer } = open('server');
    const deferred = createDeferred<() => void>();
    owner.deferEnd = deferred.resolve;
    send(CLOSE_4002);
    peer.end();
    const deliver = await deferred.promise;
    await turns();
    expect(handler.callbacks).toEqual(['onOpen']);
    expect(session.status).toBe('Closing');
    deliver();
    expect(await handler.ended()).toMatchObject({ type: 'terminate', code: 4002, reason: 'done', wasClean: true });
  });
});

describe.each(ROLES)('a %s', (role) => {
  /** Calls that the owner gets: `opened` from a client, `closed` from a connection of a server. */
  const beginning = role === 'client' ? ['opened'] : [];
  const end = role === 'client' ? [] : ['ended', 'closed'];

  test('runs onOpen at once, with status Connected', () => {
    const statuses: string[] = [];
    const { handler, owner, session } = open(role, { onOpen: (ws) => void statuses.push(ws.status) });
    expect(handler.callbacks).toEqual(['onOpen']);
    expect(statuses).toEqual(['Connected']);
    expect(owner.log).toEqual(beginning);
    expect(session.status).toBe('Connected');
  });

  test('delivers messages after an asynchronous onOpen, whether they came with the handshake or later', async () => {
    const gate = createDeferred();
    const head = frame(otherRole(role), '81', '68656164');
    const { handler, owner, send, peer } = open(role, { onOpen: () => gate.promise }, {}, head);
    send(TEXT_A, CLOSE_4002);
    peer.end();
    await turns();
    expect(handler.callbacks).toEqual(['onOpen']);
    expect(owner.log).toEqual([]);
    gate.resolve();
    await turns();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage', 'onTerminate']);
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
    expect(opened.handler.callbacks).toEqual(['onOpen']);
  });

  test('tells its owner that it is closed before onTerminate, and that it is finished after it', async () => {
    const gate = createDeferred();
    const { owner, send, handler, peer } = open(role, {
      onTerminate() {
        owner.log.push('onTerminate');
        return gate.promise;
      },
    });
    send(CLOSE_4002);
    peer.end();
    await handler.ended();
    await turns();
    expect(owner.log).toEqual([...beginning, ...end, 'onTerminate']);
    gate.resolve();
    await turns();
    expect(owner.log).toEqual([...beginning, ...end, 'onTerminate', 'finished']);
  });

  test('close() delivers no more messages, and ends when the peer answers', async () => {
    const { session, send, handler, peer } = open(role);
    session.close(4000, 'bye');
    expect(session.status).toBe('Closing');
    send(TEXT_A, ['88', '0fa0']);
    peer.end();
    expect(await handler.ended()).toMatchObject({
      type: 'terminate',
      code: 4000,
      reason: undefined,
      wasClean: true,
    });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
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
    expect(opened.handler.callbacks).toEqual(['onOpen']);
    expect(await opened.handler.ended()).toMatchObject({
      type: 'terminate',
      code: 1006,
      reason: undefined,
      wasClean: false,
    });
    expect(opened.handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(opened.sent).toEqual([]);
  });

  test('stops reading while maxWaitingMessages wait, and loses no message', async () => {
    const gate = createDeferred();
    const opened = open(role, { onMessage: () => gate.promise }, { maxWaitingMessages: 3 });
    const payload = Buffer.alloc(1000, 'x');
    for (let i = 0; i < 100; i++) {
      opened.send(['81', payload]);
      await turns(1);
    }
    await turns();
    const held = opened.peer.bufferedBytes;
    // One message runs, three wait, and the peer still holds the rest.
    expect(held).toBeGreaterThanOrEqual(95 * 1000);
    expect(opened.handler.messages).toHaveLength(1);
    gate.resolve();
    expect(await opened.handler.nextMessages(100)).toHaveLength(100);
    await turns();
    expect(opened.peer.bufferedBytes).toBe(0);
  });

  test('handles the close frame of the peer after messages that waited', async () => {
    const gates = Array.from({ length: 20 }, () => createDeferred());
    let next = 0;
    const opened = open(role, { onMessage: () => gates[next++]!.promise }, { maxWaitingMessages: 2 });
    opened.send(...Array.from({ length: 20 }, () => TEXT_A), CLOSE_4002);
    opened.peer.end();
    for (const gate of gates) {
      await turns(2);
      gate.resolve();
    }
    expect(await opened.handler.ended()).toMatchObject({ code: 4002, reason: 'done', wasClean: true });
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
        expect(await opened.handler.ended()).toMatchObject({
          type: 'terminate',
          code: 1011,
          reason: undefined,
          wasClean: false,
        });
        const before = name === 'onOpen' ? ['onOpen'] : ['onOpen', 'onMessage'];
        expect(opened.handler.callbacks).toEqual([...before, 'onError', 'onTerminate']);
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

  test('with throwError() closes with 1011, not with the code of throwError()', async () => {
    const opened = open('server', { onMessage: () => throwError(4000, 'on purpose') });
    opened.send(TEXT_A);
    await turns();
    opened.peer.end();
    expect((await opened.handler.ended()).code).toBe(1011);
    expect(opened.sent).toEqual(['88 03f3']);
  });

  test('is reported to the error handler when there is no onError', async () => {
    const errors = recordErrors();
    const opened = open('server', { onMessage: () => throwIt(new Error('on purpose')) });
    Object.defineProperty(opened.handler, 'onError', { value: undefined });
    opened.send(TEXT_A);
    await turns();
    opened.peer.end();
    await opened.handler.ended();
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
  ] as const)('reports onError and onTerminate that %s, and runs each once', async (_how, isAsync) => {
    const errors = recordErrors();
    const fail = (name: string): unknown => (isAsync ? Promise.reject(new Error(name)) : throwIt(new Error(name)));
    const opened = open('server', { onError: () => fail('one'), onTerminate: () => fail('two') });
    opened.peer.destroy();
    await opened.handler.ended();
    await turns();
    expect(opened.handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
    expect(errors.map(([item]) => item!.message)).toEqual(['onError failed: one', 'onTerminate failed: two']);
    expect(opened.owner.log).toEqual(['ended', 'closed', 'finished']);
  });

  test('runs onError before onTerminate when the peer has already closed', async () => {
    const errors = recordErrors();
    const gate = createDeferred();
    const opened = open('server', { onMessage: () => gate.promise });
    opened.send(TEXT_A, TEXT_A, CLOSE_4002);
    opened.peer.end();
    await turns();
    gate.reject(new Error('on purpose'));
    expect(await opened.handler.ended()).toMatchObject({ code: 4002, reason: 'done' });
    expect(opened.handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    expect(opened.handler.errors[0]!.errors[0]!.errCode).toBe(1011);
    expect(opened.sent).toEqual(['88 0fa2']);
    expect(errors).toEqual([]);
  });

  test('runs onError once, for the loss, and reports the failure when the connection was lost before', async () => {
    const errors = recordErrors();
    const gate = createDeferred();
    const opened = open('server', { onMessage: () => gate.promise });
    opened.send(TEXT_A, TEXT_A);
    await turns();
    opened.peer.destroy();
    await turns();
    gate.reject(new Error('on purpose'));
    expect(await opened.handler.ended()).toMatchObject({ code: 1006 });
    expect(opened.handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    expect(opened.handler.errors[0]!.error.code).toBe('ERR_CONNECTION_LOST');
    expect(errors.map(([item]) => item!.message)).toEqual(['onMessage failed: on purpose']);
  });

  test('does not run again for the messages that waited behind it', async () => {
    const opened = open('server', { onMessage: () => Promise.reject(new Error('on purpose')) });
    opened.send(TEXT_A, TEXT_A, TEXT_A, TEXT_A);
    await turns();
    opened.peer.end();
    await opened.handler.ended();
    expect(opened.handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  });

  test('is reported when onError is a getter that throws', async () => {
    const errors = recordErrors();
    const opened = open('server', { onMessage: () => throwIt(new Error('on purpose')) });
    Object.defineProperty(opened.handler, 'onError', { get: () => throwIt(new Error('no onError today')) });
    opened.send(TEXT_A);
    await turns();
    opened.peer.end();
    await opened.handler.ended();
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
