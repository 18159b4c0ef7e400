import { CallbackTimes } from '../../src/diagnostics/callback-times.ts';
import { describe, expect, test } from 'vitest';
import { type ConnectionEvent, FourDError } from '../../src/index.ts';
import { type CallbackOwner, CallbackQueue, type QueuedEvent } from '../../src/session/callback-queue.ts';
import { mainWorker } from '../../src/workers/worker.ts';
import { recordingHandler } from '../../src/testing.ts';
import { scopeIn } from '../helpers/scope-in.ts';
import { startUnixServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { sides } from '../helpers/sides.ts';

describe.each(sides)('events on the $name side', (side) => {
  test('4D-211 cannot be changed, but for those of messages', async () => {
    const { handler, send, end } = await side.connectRaw();
    // The second frame has a reserved bit.
    send(['81', '74657874'], ['c1', '74657874']);
    end();
    await handler.ended();
    expect(handler.events.map((event) => [event.type, Object.isFrozen(event)])).toEqual([
      ['open', true],
      ['message', false],
      ['error', true],
      ['terminate', true],
    ]);
    const { errors } = handler.errors[0]!;
    expect(() => (errors as unknown[]).push('more')).toThrow(TypeError);
  });
});

test('4D-211 the event of onConnection and its request cannot be changed', async () => {
  const events: ConnectionEvent[] = [];
  const url = await startUnixServer<never>(
    (_, event) => {
      events.push(event);
      return recordingHandler();
    },
    { path: '/rooms/:room' },
  );
  await connectPeer(`${url}:/rooms/lobby?name=ryan`);
  const { request } = events[0]!;
  expect(request).toMatchObject({ params: { room: 'lobby' }, query: { name: 'ryan' } });
  for (const each of [events[0]!, request, request.headers, request.query, request.params]) {
    expect(Object.isFrozen(each)).toBe(true);
  }
});

const EVENTS: readonly QueuedEvent[] = [
  { type: 'open' },
  { type: 'drain' },
  { type: 'disconnect', cause: 'peer-reset', attempt: 1, delayMs: 0 },
  { type: 'reconnect', attempt: 1, uncertainMessages: 0 },
  { type: 'terminate' },
  { type: 'error', errors: [], error: new FourDError('ERR_CONNECTION_LOST', 'lost') },
];

/** A callback that tries to change its event. */
function callback(_subject: object, event: { type: string }): void {
  event.type = 'other';
}

test.each(EVENTS.map((event) => ({ event })))(
  '4D-211 assigning to an event of type $event.type throws',
  ({ event }) => {
    const thrown: unknown[] = [];
    const owner: CallbackOwner = {
      subject: {},
      handler: {
        onOpen: callback,
        onDrain: callback,
        onDisconnect: callback,
        onReconnect: callback,
        onTerminate: callback,
        onError: callback,
      },
      maxWaitingEvents: 16,
      messageGuard: undefined,
      onInvalidMessage: () => undefined,
      callbackTimes: new CallbackTimes(),
      onTimed() {},
      onWaiting() {},
      onBeforeCallback() {},
      onAfterCallback() {},
      onCallbackFailed: (_event, error) => void thrown.push(error),
      onQueueFull() {},
      onQueueIdle() {},
    };
    new CallbackQueue(owner, scopeIn(mainWorker)).push(event);
    expect(thrown).toEqual([expect.any(TypeError)]);
  },
);
