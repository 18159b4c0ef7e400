import { expect, onTestFinished, test } from 'vitest';
import { setGlobalLimits } from '../../src/index.ts';
import type { TestClock } from '../../src/testing.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';

const MESSAGE_BYTES = 1_048_576;
const PIECE_BYTES = 16_384;
const PIECES = MESSAGE_BYTES / PIECE_BYTES;
const STEP_MS = 100;
/** Room for four messages of the longest kind. */
const BUDGET_BYTES = 4 * MESSAGE_BYTES;
const ATTACKERS = 8;

/** Begins a masked binary message of 1 MiB, in one frame or as the first of fragments, with the first bytes of it. */
function beginning(payloadBytes: number, isFragment = false): Buffer {
  const header = Buffer.from(isFragment ? '02ff' : '82ff', 'hex');
  const length = Buffer.alloc(8);
  length.writeUInt32BE(isFragment ? payloadBytes : MESSAGE_BYTES, 4);
  return Buffer.concat([header, length, Buffer.alloc(4 + payloadBytes)]);
}

/** One connection of the server, as both sides see it. */
interface Upload {
  readonly client: RawClient;
  readonly handler: RecordingHandler<unknown>;
}

async function startServer(): Promise<{ open: () => Promise<Upload> }> {
  setGlobalLimits({ maxIncompleteBytes: BUDGET_BYTES });
  onTestFinished(() => setGlobalLimits({}));
  const handlers: RecordingHandler<unknown>[] = [];
  const { web } = await startLibraryServer(() => {
    handlers.push(recordingHandler({ dataType: 'blob' }));
    return handlers.at(-1)!;
  });
  return {
    open: async () => {
      const client = await RawClient.open(web.HTTPPort);
      // Without this, the system holds a piece back until the one before it is acknowledged, on the real clock.
      client.socket.setNoDelay();
      const handler = handlers.at(-1)!;
      await handler.opened();
      return { client, handler };
    },
  };
}

/** Writes the next piece of a message, and lets time pass. */
async function sendPiece({ client }: Upload, index: number, clock: TestClock): Promise<void> {
  client.socket.write(index === 0 ? beginning(PIECE_BYTES) : Buffer.alloc(PIECE_BYTES));
  await clock.advance(STEP_MS);
}

/** What an attacker sends at once, and then in each step, so as not to be silent. */
const ATTACKS: readonly (readonly [name: string, atOnce: Buffer, inEachStep: Buffer])[] = [
  ['all but the last byte of messages', beginning(MESSAGE_BYTES - 1), Buffer.alloc(0)],
  ['a sixteenth of messages, then single bytes', beginning(MESSAGE_BYTES / 16), Buffer.of(0)],
  ['a fragment, then fragments of a byte', beginning(MESSAGE_BYTES / 2, true), Buffer.from('00810000000000', 'hex')],
];

/** When the attackers come: at which pieces of the honest message. */
const MOMENTS: readonly (readonly [name: string, comesAt: (attacker: number) => number])[] = [
  ['before it begins', () => 0],
  ['in its middle, all at once', () => PIECES / 2],
  ['one after the other', (attacker) => 4 + attacker * 6],
];

test.each(
  ATTACKS.flatMap(([name, atOnce, inEachStep]) =>
    MOMENTS.map(([moment, comesAt]) => ({ name, atOnce, inEachStep, moment, comesAt })),
  ),
)(
  'peers that send $name pay for the budget, not an honest slow upload ($moment)',
  async ({ atOnce, inEachStep, comesAt }) => {
    const clock = useFakeClock();
    const { open } = await startServer();
    const honest = await open();
    const attackers: Upload[] = [];
    for (let piece = 0; piece < PIECES; piece++) {
      while (attackers.length < ATTACKERS && comesAt(attackers.length) === piece) {
        const attacker = await open();
        attacker.client.socket.write(atOnce);
        await clock.advance(1);
        attackers.push(attacker);
      }
      for (const { client } of attackers) if (!client.hasEnded) client.socket.write(inEachStep);
      await sendPiece(honest, piece, clock);
    }
    while (honest.handler.messages.length === 0 && honest.handler.errors.length === 0) await clock.advance(1);
    expect(honest.handler.callbacks).toEqual(['onOpen', 'onMessage']);
    const ended = attackers.filter(({ handler }) => handler.errors.length > 0);
    expect(ended.length).toBeGreaterThanOrEqual(ATTACKERS - 4);
    for (const { handler } of ended) {
      expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_INCOMPLETE_BUDGET', closeCode: 1013 });
    }
  },
);

test('an honest slow upload that begins when attackers hold the whole budget arrives', async () => {
  const clock = useFakeClock();
  const { open } = await startServer();
  const attackers: Upload[] = [];
  for (let i = 0; i < ATTACKERS; i++) {
    const attacker = await open();
    attacker.client.socket.write(beginning(MESSAGE_BYTES - 1));
    attackers.push(attacker);
    await clock.advance(1);
  }
  const honest = await open();
  for (let piece = 0; piece < PIECES; piece++) await sendPiece(honest, piece, clock);
  while (honest.handler.messages.length === 0 && honest.handler.errors.length === 0) await clock.advance(1);
  expect(honest.handler.callbacks).toEqual(['onOpen', 'onMessage']);
  expect(attackers.filter(({ handler }) => handler.errors.length > 0).length).toBeGreaterThanOrEqual(ATTACKERS - 4);
});
