import { describe, expect, test } from 'vitest';
import { openPair, LIBRARY_SIDES, nextOf } from './pair.ts';

/** What the library is told to close with; the runner answers the same. */
const CLOSES: readonly (readonly [code: number, reason: string])[] = [
  [1000, ''],
  [4000, 'done'],
  [3001, 'größer'],
  [4999, 'r'.repeat(123)],
];

/** What the runner answers: first byte and payload as hex, with the code that onTerminate then hears. */
const ANSWERS: readonly (readonly [title: string, payload: string, code: number, wasClean: boolean])[] = [
  ['the same code', '03e8', 1000, true],
  ['another code', '0fa0', 4000, true],
  ['no code', '', 1005, true],
  ['a code that must not be sent', '03ed', 1002, false],
  ['one byte', '61', 1002, false],
];

describe.each(LIBRARY_SIDES)('RFC 6455 7.1: closes that the %s begins', (side) => {
  test.each(CLOSES)('RFC 6455 5.5.1: terminate(%i, %j) sends that and ends in order', async (code, reason) => {
    const { handler, runner } = await openPair(side);
    (await handler.opened).terminate(code, reason);
    expect(await nextOf(runner)).toEqual({ kind: 'close', code });
    expect(await nextOf(runner)).toEqual({ kind: 'end' });
    expect(await handler.terminated).toMatchObject({ code, reason: reason || undefined, wasClean: true });
  });

  test.each(ANSWERS)('RFC 6455 7.1.5: answered with %s', async (_title, payload, code, wasClean) => {
    const { handler, runner } = await openPair(side);
    // Sent first, so that the runner does not answer by itself; the library must take it for an answer all the same.
    (await handler.opened).terminate(1000);
    runner.write(runner.frame(0x88, Buffer.from(payload, 'hex')));
    expect(await handler.terminated).toMatchObject({ code, wasClean });
  });

  test('RFC 6455 5.5.1: what comes before the answer is not reported, and nothing is sent any more', async () => {
    const { handler, runner } = await openPair(side);
    const ws = await handler.opened;
    ws.terminate(1000);
    runner.write(
      Buffer.concat([
        runner.frame(0x81, Buffer.from('late')),
        runner.frame(0x89, Buffer.from('late')),
        runner.frame(0x88, Buffer.from('03e8', 'hex')),
      ]),
    );
    ws.send('late');
    expect(await nextOf(runner)).toEqual({ kind: 'close', code: 1000 });
    expect(await nextOf(runner)).toEqual({ kind: 'end' });
    await handler.terminated;
    expect(handler.messages).toEqual([]);
  });

  test('RFC 6455 7.1.7: a peer that never answers is let go', async () => {
    const { handler, runner } = await openPair(side, {}, { closeTimeoutMs: 50 });
    // As if a close frame had been sent: the runner keeps still.
    runner.frame(0x88, Buffer.alloc(0));
    (await handler.opened).terminate(1000);
    if (side === 'server') expect(await handler.terminated).toMatchObject({ code: 1006, wasClean: false });
    expect(await nextOf(runner)).toEqual({ kind: 'close', code: 1000 });
    expect(await nextOf(runner)).toEqual({ kind: 'end' });
  });
});
