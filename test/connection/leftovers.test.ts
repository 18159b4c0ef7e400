import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { timers } from '../../src/base/timers.ts';
import { Connection, type ConnectionOptions } from '../../src/connection/connection.ts';
import { CompressionFactory } from '../../src/connection/zlib.ts';
import { FourDError } from '../../src/errors.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { frame, otherRole, ROLES } from '../helpers/frames.ts';
import { RecordingConnectionListener } from '../helpers/recording-connection-listener.ts';
import { turns } from '../helpers/turns.ts';

/** No deadline passes within a test. So each must have been cancelled. */
const LONG_MS = 600_000;
const MOMENTS = 20;
const LARGE_MESSAGE = Buffer.alloc(100_000, 'large');

interface World {
  readonly connection: Connection;
  /** The transport of the peer. */
  readonly there: MemoryTransport;
  /** Writes a frame of the peer. */
  readonly send: (first: string, payload?: string | Buffer, options?: Parameters<typeof frame>[3]) => void;
}

/** What a connection does, one step in each turn. */
const LIVES: Readonly<Record<string, readonly ((world: World) => void)[]>> = {
  'gets messages, of which the last is not finished': [
    ({ send }) => send('81', '616263'),
    ({ send }) => send('01', '616263'),
    ({ send }) => send('89', '61'),
    ({ send }) => send('80', '616263'),
    ({ send }) => send('c2', deflateRawSync(LARGE_MESSAGE, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)),
    ({ send }) => send('02', LARGE_MESSAGE),
    ({ send }) => send('00', Buffer.alloc(0)),
  ],
  'waits for a peer that does not read': [
    ({ connection }) => void connection.send('short'),
    ...Array.from(
      { length: 8 },
      () =>
        ({ connection }: World) =>
          void connection.send(LARGE_MESSAGE, false, true),
    ),
  ],
  'compresses messages': Array.from({ length: 6 }, () => ({ connection }: World) => {
    connection.send(LARGE_MESSAGE, true);
    connection.send('behind it', false);
  }),
  'is paused while messages come': [
    ({ send }) => send('81', '616263'),
    ({ connection }) => connection.pause(),
    ({ send }) => send('82', LARGE_MESSAGE),
    ({ send }) => send('02', LARGE_MESSAGE),
    ({ connection }) => connection.resume(),
  ],
  'closes in order': [
    ({ connection }) => connection.close(1000, '', LONG_MS),
    ({ send }) => send('88', '03e8'),
    ({ there }) => there.end(),
  ],
  'is closed by its peer': [({ send }) => send('88', '03e8'), ({ there }) => there.end()],
};

const CUTS: Readonly<Record<string, (world: World) => void>> = {
  'a lost peer': ({ there }) => there.destroy(),
  'the end of the peer': ({ there }) => there.end(),
  'a broken rule': ({ send }) => send('83'),
  'close()': ({ connection }) => connection.close(1000, '', LONG_MS),
  'fail()': ({ connection }) => void connection.fail(new FourDError('ERR_CALLBACK_FAILED', 'failed')),
  'destroy()': ({ connection }) => connection.destroy(),
};

/** Both directions keep their context, so that each connection has a compression of its own. */
function createCompression(role: Role): ConnectionOptions['compression'] {
  return new CompressionFactory(role, { thresholdBytes: 1e9, level: 1 }).create({
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  });
}

function start(role: Role, reads: boolean): { world: World; heard: RecordingConnectionListener } {
  const [here, there] = MemoryTransport.pair();
  const heard = new RecordingConnectionListener();
  const connection = new Connection(here, Buffer.alloc(0), {
    role,
    decodesText: true,
    compression: createCompression(role),
    maxMessageBytes: 1_048_576,
    maxFragments: 1024,
    pingIntervalMs: LONG_MS,
    pongTimeoutMs: LONG_MS,
    incompleteMessageTimeoutMs: LONG_MS,
    maxControlFramesPerSecond: 60,
    maxMessagesPerSecond: 1000,
    maxBytesPerSecond: 1e9,
    closeTimeoutMs: LONG_MS,
    maxBufferedBytes: 400_000,
    bufferPolicy: 'drop-oldest',
  });
  connection.start(heard);
  there.start({ onBytes: () => {}, onWritable: () => {}, onEnd: () => {}, onClosed: () => {} });
  if (reads) there.resume();
  connection.resume();
  const send: World['send'] = (first, payload, options) =>
    there.write([frame(otherRole(role), first, payload, options)]);
  return { world: { connection, there, send }, heard };
}

describe.each(ROLES)('a connection leaves nothing behind, at whichever moment it is cut (%s)', (role) => {
  const table = Object.entries(LIVES).flatMap(([life, steps]) =>
    Object.entries(CUTS).map(([cut, act]) => ({ life, steps, cut, act })),
  );

  test.each(table)('$life; $cut', async ({ life, steps, act }) => {
    for (let moment = 0; moment <= MOMENTS; moment++) {
      const { world, heard } = start(role, !life.includes('does not read'));
      for (let turn = 0; turn < moment; turn++) {
        steps[turn]?.(world);
        await turns(1);
      }
      act(world);
      await turns(2);
      // A connection that waits for its peer ends with it.
      world.there.destroy();
      await heard.untilTerminated();
      const what = `moment ${moment}`;
      expect(
        heard.events.filter((event) => event.startsWith('terminated')),
        what,
      ).toHaveLength(1);
      expect([timers.pendingTicks, partialMessageBudget.heldBytes, world.connection.bufferedBytes], what).toEqual([
        0, 0, 0,
      ]);
    }
  });
});
