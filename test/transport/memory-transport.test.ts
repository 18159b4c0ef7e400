import { expect, test } from 'vitest';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { turns } from '../helpers/turns.ts';

const HIGH_WATER_MARK_BYTES = 65_536;

test('bytes arrive in a later turn of the event loop, as on a socket', async () => {
  const [left, right] = MemoryTransport.pair();
  RecordingListener.on(left);
  const heard = RecordingListener.on(right);
  left.write([Buffer.from('hello')]);
  await Promise.resolve();
  expect(heard.chunks).toEqual([]);
  expect(left.bufferedBytes).toBe(5);
  await turns(1);
  expect(heard.bytes.toString()).toBe('hello');
  expect(left.bufferedBytes).toBe(0);
});

test('an end is blocked from 64 KiB of unread bytes on, until the peer has read all', async () => {
  const [left, right] = MemoryTransport.pair();
  const leftHeard = RecordingListener.on(left);
  const heard = RecordingListener.on(right, { reads: false });
  left.write([Buffer.alloc(HIGH_WATER_MARK_BYTES - 1)]);
  expect(left.isBlocked).toBe(false);
  left.write([Buffer.alloc(1)]);
  expect(left.isBlocked).toBe(true);
  heard.onEvent = () => right.pause();
  right.resume();
  await turns(2);
  expect([left.isBlocked, left.bufferedBytes, leftHeard.events]).toEqual([true, 1, []]);
  right.resume();
  await turns(2);
  expect([left.isBlocked, left.bufferedBytes, leftHeard.events]).toEqual([false, 0, ['drain']]);
});

test('destroy() resets the peer and drops bytes in transit', async () => {
  const [left, right] = MemoryTransport.pair();
  const leftHeard = RecordingListener.on(left);
  const rightHeard = RecordingListener.on(right);
  left.write([Buffer.from('lost')]);
  left.destroy();
  left.destroy();
  expect([leftHeard.events, rightHeard.events]).toEqual([[], []]);
  await turns(2);
  expect([leftHeard.events, rightHeard.events]).toEqual([['closed'], ['closed']]);
  expect([leftHeard.error, rightHeard.error?.message]).toEqual([undefined, 'the other end was destroyed']);
  expect(rightHeard.chunks).toEqual([]);
});

test('destroy() within onBytes() stops the delivery of further chunks', async () => {
  const [left, right] = MemoryTransport.pair();
  RecordingListener.on(left);
  const heard = RecordingListener.on(right);
  heard.onEvent = (event) => {
    if (event === 'bytes') right.destroy();
  };
  left.write([Buffer.from('one')]);
  left.write([Buffer.from('two')]);
  left.end();
  await turns();
  expect(heard.chunks.map(String)).toEqual(['one']);
  expect(heard.events).toEqual(['closed']);
});
