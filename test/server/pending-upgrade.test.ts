import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { Refusal } from '../../src/server/admission.ts';
import { PendingUpgrade, type UpgradeJudge } from '../../src/server/pending-upgrade.ts';
import type { ConnectionEvent } from '../../src/session/events.ts';
import { timers } from '../../src/base/timers.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { turns } from '../helpers/turns.ts';

/** A socket that keeps what is written to it. */
class FakeSocket extends Duplex {
  written = '';

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written += chunk.toString('utf8');
    done();
  }
}

interface Setup {
  readonly upgrade: PendingUpgrade;
  readonly socket: FakeSocket;
  /** What the judge heard. */
  readonly heard: [what: string, value?: unknown][];
  readonly asked: ConnectionEvent[];
}

const CLIENT = { address: '192.0.2.1', host: 'localhost', isSecure: false };
const HANDSHAKE = { isValid: true, key: 'key', protocols: [], extensions: [] } as const;

function setUp(answer: () => unknown, handshakeTimeoutMs = 10_000): Setup {
  const socket = new FakeSocket();
  const heard: Setup['heard'] = [];
  const asked: ConnectionEvent[] = [];
  const judge: UpgradeJudge = {
    handshakeTimeoutMs,
    askUser(event) {
      asked.push(event);
      return answer();
    },
    onAnswer: (_, value) => void heard.push(['answer', value]),
    onAnswerFailed: (_, thrown) => void heard.push(['failed', thrown]),
    onSettled: () => void heard.push(['settled']),
  };
  const request = { url: '/?a=1', rawHeaders: [], socket: {} } as unknown as IncomingMessage;
  const upgrade = new PendingUpgrade(judge, request, socket, Buffer.alloc(0), HANDSHAKE, '', CLIENT);
  return { upgrade, socket, heard, asked };
}

test('it asks with the request, and passes the answer on at once', () => {
  const { upgrade, heard, asked } = setUp(() => 'yes');
  expect(upgrade.ask()).toBeUndefined();
  expect(asked).toEqual([
    { type: 'connection', request: expect.objectContaining({ url: '/?a=1', remoteAddress: '192.0.2.1' }) as unknown },
  ]);
  expect(heard).toEqual([['answer', 'yes']]);
  upgrade.settle();
});

test('a promise is awaited', async () => {
  const { upgrade, heard } = setUp(() => Promise.resolve('yes'));
  const over = upgrade.ask();
  expect(heard).toEqual([]);
  await over;
  expect(heard).toEqual([['answer', 'yes']]);
  upgrade.settle();
});

test('any object with a then method is a promise', async () => {
  // oxlint-disable-next-line unicorn/no-thenable -- this is the value under test
  const { upgrade, heard } = setUp(() => ({ then: (resolve: (value: string) => void) => resolve('yes') }));
  await upgrade.ask();
  expect(heard).toEqual([['answer', 'yes']]);
  upgrade.settle();
});

test.each([
  [
    'throw',
    () => {
      throw new Error('no');
    },
  ],
  ['rejection', () => Promise.reject(new Error('no'))],
  [
    'thenable that throws',
    () => ({
      // oxlint-disable-next-line unicorn/no-thenable -- this is the hostile value under test
      then() {
        throw new Error('no');
      },
    }),
  ],
])('a %s is passed on', async (_, answer) => {
  const { upgrade, heard } = setUp(answer);
  await upgrade.ask();
  expect(heard).toEqual([['failed', new Error('no')]]);
  upgrade.settle();
});

test('the deadline refuses with 503, and the answer that comes later is not heard', async () => {
  const clock = useFakeClock();
  const decision = createDeferred<string>();
  const { upgrade, heard, socket } = setUp(() => decision.promise, 1000);
  const over = upgrade.ask();
  await clock.advance(999);
  expect(socket.written).toBe('');
  await clock.advance(51);
  expect(socket.written).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
  expect(heard).toEqual([['settled']]);
  decision.resolve('yes');
  await over;
  expect(heard).toEqual([['settled']]);
  socket.destroy();
});

test('a failure that comes later is heard: it is a mistake in user code', async () => {
  const decision = createDeferred();
  const { upgrade, heard, socket } = setUp(() => decision.promise);
  const over = upgrade.ask();
  socket.destroy();
  await turns(2);
  expect(heard).toEqual([['settled']]);
  decision.reject('no');
  await over;
  expect(heard).toEqual([['settled'], ['failed', 'no']]);
});

test('Infinity sets no deadline', () => {
  const before = timers.pendingTicks;
  const { upgrade } = setUp(() => null, Infinity);
  expect(timers.pendingTicks).toBe(before);
  upgrade.settle();
});

test('settling drops the deadline and leaves the socket as it was, once', () => {
  const before = timers.pendingTicks;
  const { upgrade, socket, heard } = setUp(() => null);
  expect(timers.pendingTicks).toBe(before);
  upgrade.wait();
  upgrade.wait();
  expect(timers.pendingTicks).toBe(before + 1);
  expect(socket.listenerCount('close')).toBe(1);
  upgrade.settle();
  upgrade.settle();
  expect(timers.pendingTicks).toBe(before);
  expect(socket.listenerCount('close')).toBe(0);
  expect(heard).toEqual([['settled']]);
  expect(socket.destroyed).toBe(false);
});

test('a client that goes settles it: nobody is asked any more, and nothing is answered', async () => {
  const before = timers.pendingTicks;
  const { upgrade, socket, heard, asked } = setUp(() => 'yes');
  upgrade.wait();
  socket.destroy();
  await turns(2);
  expect(heard).toEqual([['settled']]);
  expect(upgrade.ask()).toBeUndefined();
  upgrade.refuse(403, 'no');
  expect(asked).toEqual([]);
  expect(socket.written).toBe('');
  expect(timers.pendingTicks).toBe(before);
});

test('only the first refusal is answered', async () => {
  const { upgrade, socket, heard } = setUp(() => 'yes');
  upgrade.refuse(403, 'first');
  upgrade.refuse(500, 'second');
  await turns(2);
  expect(socket.written).toContain('403 Forbidden');
  expect(socket.written).toContain('first\n');
  expect(socket.written).not.toContain('second');
  expect(heard).toEqual([['settled']]);
  socket.destroy();
});

test('a refusal is answered as it is, unless it is settled already', async () => {
  const { upgrade, socket } = setUp(() => 'yes');
  upgrade.refuseWith(new Refusal(429, 'später', { 'Retry-After': '5' }));
  upgrade.refuseWith(new Refusal(401, 'second', undefined));
  await turns(2);
  expect(socket.written.split('\r\n')).toEqual([
    'HTTP/1.1 429 Too Many Requests',
    'Connection: close',
    'Content-Length: 7',
    'Content-Type: text/plain; charset=utf-8',
    'Retry-After: 5',
    '',
    'später',
  ]);
  socket.destroy();
});
