import { describe, expect, test } from 'vitest';
import { openPair, LIBRARY_SIDES, nextOf } from './pair.ts';

/** Codes and reasons for terminate(). The runner answers with the same code. */
const CLOSES: readonly (readonly [code: number, reason: string])[] = [
  [1000, ''],
  [4000, 'done'],
  [3001, 'größer'],
  [4999, 'r'.repeat(123)],
];

/** Payloads of the runner's answer as hex, with the code that onTerminate gets. */
const ANSWERS: readonly (readonly [title: string, payload: string, code: number, wasClean: boolean])[] = [
  ['the same code', '03e8', 1000, true],
  ['another code', '0fa0', 4000, true],
  ['no code', '', 1005, true],
  ['a code that must not be sent', '03ed', 1002, false],
  ['one byte', '61', 1002, false],
];

/** Payloads of the peer's close frame as hex, with the event of onTerminate and the code of the answer. */
const PEER_CLOSES: readonly (readonly [
  title: string,
  payload: string,
  heard: { readonly code: number; readonly reason: string | undefined },
  answer: number,
])[] = [
  ['1000', '03e8', { code: 1000, reason: undefined }, 1000],
  ['1000 with a reason', '03e8627965', { code: 1000, reason: 'bye' }, 1000],
  ['a reason of two-byte letters', '0fa0c3a4c3b6', { code: 4000, reason: 'äö' }, 4000],
  ['the longest reason', `0fa0${'61'.repeat(123)}`, { code: 4000, reason: 'a'.repeat(123) }, 4000],
  ['no code', '', { code: 1005, reason: undefined }, 1005],
  ['1001', '03e9', { code: 1001, reason: undefined }, 1001],
  ['1011', '03f3', { code: 1011, reason: undefined }, 1011],
  ['3000', '0bb8', { code: 3000, reason: undefined }, 3000],
  ['4999', '1387', { code: 4999, reason: undefined }, 4999],
];

/** Invalid payloads of the peer's close frame as hex, with the code of the answer. */
const BAD_PEER_CLOSES: readonly (readonly [title: string, payload: string, answer: number])[] = [
  ['one byte', '03', 1002],
  ['999', '03e7', 1002],
  ['1004', '03ec', 1002],
  ['1005', '03ed', 1002],
  ['1006', '03ee', 1002],
  ['1015', '03f7', 1002],
  ['2999', '0bb7', 1002],
  ['5000', '1388', 1002],
  ['a reason that is not UTF-8', '03e8ff', 1007],
];

describe.each(LIBRARY_SIDES)('RFC 6455 7.1: closing handshakes started by the peer of the %s', (side) => {
  test.each(PEER_CLOSES)(
    'RFC 6455 5.5.1: a close frame with %s is reported and answered with the same code',
    async (...row) => {
      const [, payload, heard, answer] = row;
      const { handler, runner } = await openPair(side);
      runner.write(runner.frame(0x88, Buffer.from(payload, 'hex')));
      expect(await nextOf(runner)).toEqual({ kind: 'close', code: answer === 1005 ? 'none' : answer });
      expect(await nextOf(runner)).toEqual({ kind: 'end' });
      expect(await handler.ended()).toMatchObject({ ...heard, wasClean: true, cause: 'peer-closed', phase: 'open' });
      expect(handler.errors).toEqual([]);
    },
  );

  test.each(BAD_PEER_CLOSES)(
    'RFC 6455 7.4: a close frame with %s fails the connection',
    async (_title, payload, answer) => {
      const { handler, runner } = await openPair(side);
      runner.write(runner.frame(0x88, Buffer.from(payload, 'hex')));
      expect(await nextOf(runner)).toEqual({ kind: 'close', code: answer });
      expect(await handler.ended()).toMatchObject({ code: answer, wasClean: false, cause: 'protocol' });
      expect(handler.errors).toMatchObject([{ error: { closeCode: answer } }]);
    },
  );

  test('RFC 6455 5.5.1: a message after the close frame of the peer is not reported', async () => {
    const { handler, runner } = await openPair(side);
    runner.write(
      Buffer.concat([
        runner.frame(0x81, Buffer.from('in time')),
        runner.frame(0x88, Buffer.from('03e8', 'hex')),
        runner.frame(0x81, Buffer.from('late')),
      ]),
    );
    await handler.ended();
    expect(handler.messages).toEqual(['in time']);
  });
});

describe.each(LIBRARY_SIDES)('RFC 6455 7.1: closing handshakes started by the %s', (side) => {
  test.each(CLOSES)(
    'RFC 6455 5.5.1: terminate(%i, %j) sends the code and reason and ends cleanly',
    async (code, reason) => {
      const { handler, runner } = await openPair(side);
      (await handler.opened()).terminate(code, reason);
      expect(await nextOf(runner)).toEqual({ kind: 'close', code });
      expect(await nextOf(runner)).toEqual({ kind: 'end' });
      expect(await handler.ended()).toMatchObject({ code, reason: reason || undefined, wasClean: true });
    },
  );

  test.each(ANSWERS)('RFC 6455 7.1.5: an answer with %s is reported', async (_title, payload, code, wasClean) => {
    const { handler, runner } = await openPair(side);
    // The runner sends its close frame first, so that it does not answer by itself. The library must accept that frame
    // as the answer.
    (await handler.opened()).terminate(1000);
    runner.write(runner.frame(0x88, Buffer.from(payload, 'hex')));
    expect(await handler.ended()).toMatchObject({ code, wasClean });
  });

  test('RFC 6455 5.5.1: frames before the answer are not reported, and nothing more is sent', async () => {
    const { handler, runner } = await openPair(side);
    const ws = await handler.opened();
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
    await handler.ended();
    expect(handler.messages).toEqual([]);
  });

  test('RFC 6455 7.1.7: a peer that never answers is disconnected', async () => {
    const { handler, runner } = await openPair(side, {}, { closeTimeoutMs: 50 });
    // Building a close frame makes the runner believe that it has sent one, so it does not answer.
    runner.frame(0x88, Buffer.alloc(0));
    (await handler.opened()).terminate(1000);
    if (side === 'server') expect(await handler.ended()).toMatchObject({ code: 1006, wasClean: false });
    expect(await nextOf(runner)).toEqual({ kind: 'close', code: 1000 });
    expect(await nextOf(runner)).toEqual({ kind: 'end' });
  });
});
