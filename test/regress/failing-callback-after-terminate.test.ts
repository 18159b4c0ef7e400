import { expect, test } from 'vitest';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { type Side, sides } from '../helpers/sides.ts';
import { turns } from '../helpers/turns.ts';

// onTerminate reported 1011, although the close frame had carried the code of terminate().

const FAILED = { errCode: 1011, message: 'onMessage failed: on purpose', componentSignature: 'host' };

type Failing = (ws: { terminate(code: number, reason: string): void }) => unknown;

const failures: readonly (readonly [how: string, onMessage: Failing])[] = [
  [
    'throws',
    (ws) => {
      ws.terminate(4000, 'bye');
      throw new Error('on purpose');
    },
  ],
  [
    'rejects',
    (ws) => {
      ws.terminate(4000, 'bye');
      return Promise.reject(new Error('on purpose'));
    },
  ],
];

/** A connection whose peer has received the close frame of the callback that fails. */
async function terminateAndFail(side: Side, onMessage: Failing) {
  const pair = await side.connectRaw({ onMessage });
  pair.send(['81', '61'], ['81', '62']);
  expect(await pair.frames.next()).toBe('88 0fa0627965');
  await turns();
  return pair;
}

for (const side of sides) {
  test.each(failures)(
    `4D-168 a ${side.name} callback that %s after its terminate(): onError, then the code of the close frames`,
    async (_, onMessage) => {
      const reports = recordErrors();
      const { handler, send, end } = await terminateAndFail(side, onMessage);
      expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError']);
      send(['88', '0fa0']);
      end();
      expect(await handler.ended()).toMatchObject({ code: 4000, cause: 'local' });
      expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
      expect(handler.errors[0]!.errors).toEqual([FAILED]);
      expect(reports).toEqual([]);
    },
  );

  test(`4D-048 a ${side.name} callback fails after terminate(), no answer comes: one onError, 1006`, async () => {
    const clock = useFakeClock();
    const { handler } = await terminateAndFail(side, failures[0]![1]);
    await clock.advance(10_100);
    expect(await handler.ended()).toMatchObject({
      code: 1006,
      wasClean: false,
      cause: 'timeout',
      message: expect.stringContaining('the peer did not answer the close frame') as string,
    });
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
    expect(handler.errors[0]!.errors).toEqual([FAILED]);
  });

  test(`4D-168 a ${side.name} callback fails long after its terminate(): onError precedes onTerminate`, async () => {
    const gate = createDeferred();
    const pair = await side.connectRaw({
      onMessage(ws) {
        ws.terminate(4000);
        return gate.promise;
      },
    });
    pair.send(['81', '61']);
    expect(await pair.frames.next()).toBe('88 0fa0');
    pair.send(['88', '0fa0']);
    pair.end();
    await turns();
    gate.reject(new Error('on purpose'));
    expect(await pair.handler.ended()).toMatchObject({ code: 4000, cause: 'local' });
    expect(pair.handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  });
}
