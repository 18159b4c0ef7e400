import { CallbackTimes } from '../../src/diagnostics/callback-times.ts';
import { expect, test } from 'vitest';
import { type CallbackOwner, CallbackQueue } from '../../src/session/callback-queue.ts';
import { Worker } from '../../src/workers/worker.ts';
import { scopeIn } from '../helpers/scope-in.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { Inbox } from '../helpers/inbox.ts';

const SOCKETS = 20_000;

const owner: Omit<CallbackOwner, 'handler'> = {
  subject: {},
  maxWaitingEvents: 16,
  messageGuard: undefined,
  onInvalidMessage: () => undefined,
  callbackTimes: new CallbackTimes(),
  onTimed() {},
  onWaiting() {},
  onBeforeCallback() {},
  onAfterCallback() {},
  onCallbackFailed() {},
  onQueueFull() {},
  onQueueIdle() {},
};

/** The end of each callback called the callback of the next socket in a deeper stack frame: the stack overflowed. */
test('thousands of sockets get the messages that waited for their busy worker, in order', async () => {
  const worker = new Worker('W', () => {});
  const gate = createDeferred();
  worker.runTask(() => gate.promise);
  const seen = new Inbox<string>();
  for (let n = 0; n < SOCKETS; n++) {
    const handler = { onMessage: (_: object, { data }: { data: number }) => seen.push(`${data} of ${n}`) };
    const queue = new CallbackQueue({ ...owner, handler }, scopeIn(worker));
    for (const data of [1, 2]) queue.push({ type: 'message', data, isBinary: false });
  }
  expect(seen.all).toEqual([]);
  gate.resolve();
  await seen.atLeast(2 * SOCKETS);
  expect(seen.all.slice(0, 2)).toEqual(['1 of 0', '1 of 1']);
  expect(seen.all.slice(SOCKETS, SOCKETS + 2)).toEqual(['2 of 0', '2 of 1']);
});
