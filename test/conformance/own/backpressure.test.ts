import { describe, expect, test } from 'vitest';
import { createDeferred } from '../../helpers/deferred.ts';
import { turns } from '../../helpers/turns.ts';
import { openPair, LIBRARY_SIDES, nextOf } from './pair.ts';

describe.each(LIBRARY_SIDES)('backpressure of the %s', (side) => {
  test('a slow callback stops reading, and no message is lost or out of order', async () => {
    const release = createDeferred();
    let isSlow = true;
    const { handler, runner } = await openPair(
      side,
      { onMessage: () => (isSlow ? release.promise : undefined) },
      { maxWaitingMessages: 4 },
    );
    const payload = Buffer.alloc(60_000, 'a');
    // The messages are more than the kernel buffers on both sides.
    const sent = 400;
    for (let index = 0; index < sent; index++) {
      payload.write(String(index).padStart(6, '0'));
      runner.write(runner.frame(0x81, payload));
    }
    await handler.nextMessage();
    await turns();
    expect(runner.unsentBytes).toBeGreaterThan(0);
    isSlow = false;
    release.resolve();
    await handler.nextMessages(sent - 1);
    expect(handler.messages.map((message) => Number((message as string).slice(0, 6)))).toEqual(
      Array.from({ length: sent }, (_, index) => index),
    );
  });

  test('RFC 6455 7.4.2: a peer that does not read is closed with 1013', async () => {
    const { handler, runner } = await openPair(side, {}, { maxBufferedBytes: 1_000_000, closeTimeoutMs: 2000 });
    const ws = await handler.opened();
    runner.pause();
    const message = 'a'.repeat(100_000);
    // The kernel buffers some megabytes, so the loop ends early.
    for (let sent = 0; sent < 1000 && ws.status === 'Connected'; sent++) ws.send(message);
    expect(ws.status).toBe('Closing');
    expect(handler.errors).toMatchObject([{ error: { code: 'ERR_BUFFER_FULL', closeCode: 1013 } }]);
    runner.resume();
    let seen = await nextOf(runner);
    while (seen.kind === 'message') seen = await nextOf(runner);
    expect(seen).toEqual({ kind: 'close', code: 1013 });
  });
});
