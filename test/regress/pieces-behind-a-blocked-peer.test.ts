import { expect, test } from 'vitest';
import { WriteBatch } from '../../src/connection/write-batch.ts';
import { NEVER_DETACHED } from '../helpers/never-detached.ts';
import { RecordingTransport } from '../helpers/recording-transport.ts';

/**
 * Each small broadcast to a peer that did not read was a piece of its own: 16 MiB of them blocked the event loop for
 * half a second.
 */
test('small broadcasts that wait for a slow peer are concatenated into few pieces', () => {
  const transport = new RecordingTransport();
  const batch = new WriteBatch(transport, NEVER_DETACHED);
  transport.isBlocked = true;
  const frames = Array.from({ length: 30_000 }, (_, i) => Buffer.from(String(i).padStart(10, '.')));
  for (const frame of frames) batch.appendShared(frame);
  expect(batch.bufferedBytes).toBe(300_000);
  transport.isBlocked = false;
  batch.flush();
  expect(transport.calls.join('')).toBe(frames.join(''));
  expect(transport.writes[0]?.length).toBeLessThan(10);
});
