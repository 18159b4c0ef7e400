import { describe, expect, test } from 'vitest';
import type { Transport } from '../../src/transport/transport.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { turns } from '../helpers/turns.ts';

/** More than the buffers of a socket, the kernel and the peer hold together. */
const MANY_BYTES = 32 * 1024 * 1024;
const MEBIBYTE = 1024 * 1024;

/**
 * Tests the contract that every {@link Transport} has to keep.
 *
 * @param makePair - returns both ends of a new connection, not started
 */
export function testTransportContract(makePair: () => Promise<readonly [Transport, Transport]>): void {
  async function openPair(): Promise<[Transport, Transport, RecordingListener, RecordingListener]> {
    const [left, right] = await makePair();
    return [left, right, RecordingListener.on(left), RecordingListener.on(right)];
  }

  /** Opens a pair whose right end is started and does not read. */
  async function openUnread(): Promise<[Transport, Transport, RecordingListener, RecordingListener]> {
    const [left, right] = await makePair();
    return [left, right, RecordingListener.on(left), RecordingListener.on(right, { reads: false })];
  }

  test('bytes of any sizes arrive complete and in order', async () => {
    const [left, , , heard] = await openPair();
    const sent = [1, 2, 1000, 65_535, 65_536, 1, 2_000_000, 3].map((size, i) => pattern(size, i));
    for (const bytes of sent) left.write([bytes]);
    const expected = Buffer.concat(sent);
    await heard.until(() => heard.byteCount >= expected.length);
    expect(heard.bytes.equals(expected)).toBe(true);
  });

  test('both directions flow at the same time', async () => {
    const [left, right, leftHeard, rightHeard] = await openPair();
    const [toRight, toLeft] = [pattern(MEBIBYTE, 1), pattern(MEBIBYTE, 2)];
    left.write([toRight]);
    right.write([toLeft]);
    await Promise.all([
      leftHeard.until(() => leftHeard.byteCount >= MEBIBYTE),
      rightHeard.until(() => rightHeard.byteCount >= MEBIBYTE),
    ]);
    expect(leftHeard.bytes.equals(toLeft)).toBe(true);
    expect(rightHeard.bytes.equals(toRight)).toBe(true);
  });

  test('all pieces of a write arrive together', async () => {
    const [left, , , heard] = await openPair();
    left.write([Buffer.from('one '), Buffer.from('two '), Buffer.from('three')]);
    await heard.until(() => heard.byteCount >= 13);
    expect(heard.chunks.map(String)).toEqual(['one two three']);
  });

  test('the memory of a chunk may be used again once it is free', async () => {
    const [left, , leftHeard, heard] = await openPair();
    const expected: Buffer[] = [];
    let memory = Buffer.alloc(200_000);
    for (let i = 0; i < 100; i++) {
      memory.fill(i);
      expected.push(Buffer.from(memory));
      const pieces = i % 2 === 0 ? [memory] : [memory.subarray(0, 7), memory.subarray(7)];
      left.write(pieces);
      if (left.writtenMemory === 'free') memory.fill(0xff);
      else memory = Buffer.alloc(200_000);
      if (left.isBlocked) await leftHeard.until(() => !left.isBlocked);
    }
    await heard.until(() => heard.byteCount >= 20_000_000);
    expect(heard.bytes.equals(Buffer.concat(expected))).toBe(true);
  });

  test('bytes arrive unchanged when every chunk is read before the next is written', async () => {
    const [left, , , heard] = await openPair();
    for (let i = 0; i < 50; i++) {
      left.write([Buffer.alloc(10_000, i)]);
      await heard.until(() => heard.byteCount === (i + 1) * 10_000);
    }
    expect(heard.bytes.equals(Buffer.concat(Array.from({ length: 50 }, (_, i) => Buffer.alloc(10_000, i))))).toBe(true);
  });

  test('no bytes and no end are reported before resume()', async () => {
    const [left, right, , heard] = await openUnread();
    left.write([Buffer.from('early')]);
    left.end();
    await turns();
    expect(heard.chunks).toEqual([]);
    expect(heard.events).toEqual([]);
    right.resume();
    await heard.until(() => heard.events.includes('end'));
    expect(heard.bytes.toString()).toBe('early');
  });

  test('no bytes and no end are reported while paused', async () => {
    const [left, right, , heard] = await openUnread();
    left.write([pattern(100_000, 1)]);
    left.end();
    await turns();
    heard.onEvent = () => right.pause();
    for (let count = 1; heard.byteCount < 100_000; count++) {
      right.resume();
      await heard.until(() => heard.chunks.length === count);
      await turns(3);
      expect(heard.chunks).toHaveLength(count);
      expect(heard.events).toEqual([]);
    }
    right.resume();
    await heard.until(() => heard.events.length > 0);
    expect(heard.events).toEqual(['end']);
    expect(heard.bytes.equals(pattern(100_000, 1))).toBe(true);
  });

  test('a peer that does not read blocks the writer, and onWritable() follows when it reads again', async () => {
    const [left, right, leftHeard, heard] = await openUnread();
    const written = await fill(left);
    expect(left.isBlocked).toBe(true);
    expect(left.bufferedBytes).toBeGreaterThan(0);
    expect(left.bufferedBytes).toBeLessThanOrEqual(written);
    expect(leftHeard.events.filter((event) => event !== 'drain')).toEqual([]);
    expect(heard.byteCount).toBe(0);

    right.resume();
    await leftHeard.until(() => !left.isBlocked);
    expect(leftHeard.events).toContain('drain');
    await heard.until(() => heard.byteCount === written);
    await turns();
    expect(left.bufferedBytes).toBe(0);
  });

  test('a peer that reads unblocks the writer', async () => {
    const [left, , leftHeard, heard] = await openPair();
    expect([left.isBlocked, left.bufferedBytes]).toEqual([false, 0]);
    left.write([Buffer.alloc(3 * MEBIBYTE)]);
    await leftHeard.until(() => !left.isBlocked);
    await heard.until(() => heard.byteCount === 3 * MEBIBYTE);
    expect(left.bufferedBytes).toBe(0);
  });

  test('end() takes effect after the written bytes and leaves the other direction open', async () => {
    const [left, right, leftHeard, rightHeard] = await openPair();
    const sent = pattern(3 * MEBIBYTE, 1);
    left.write([sent]);
    left.end();
    await rightHeard.until(() => rightHeard.events.includes('end'));
    expect(rightHeard.bytes.equals(sent)).toBe(true);

    right.write([Buffer.from('still here')]);
    await leftHeard.until(() => leftHeard.byteCount > 0);
    expect(leftHeard.bytes.toString()).toBe('still here');
    right.end();
    await Promise.all([closed(leftHeard), closed(rightHeard)]);
    await turns();
    expect(withoutDrain(leftHeard)).toEqual(['end', 'closed']);
    expect(withoutDrain(rightHeard)).toEqual(['end', 'closed']);
    expect([leftHeard.error, rightHeard.error]).toEqual([undefined, undefined]);
  });

  test('bytes written after end() are dropped', async () => {
    const [left, right, leftHeard, rightHeard] = await openPair();
    left.write([Buffer.from('before')]);
    left.end();
    left.write([Buffer.from('after')]);
    left.end();
    await rightHeard.until(() => rightHeard.events.includes('end'));
    left.write([Buffer.from('after')]);
    right.end();
    await Promise.all([closed(leftHeard), closed(rightHeard)]);
    expect(rightHeard.bytes.toString()).toBe('before');
    expect([left.droppedBytes, right.droppedBytes]).toEqual([10, 0]);
    expect([leftHeard.error, rightHeard.error]).toEqual([undefined, undefined]);
  });

  test('destroy() with unread bytes closes the peer with an error', async () => {
    const [left, right, leftHeard, rightHeard] = await openUnread();
    await fill(left);
    right.destroy();
    await Promise.all([closed(leftHeard), closed(rightHeard)]);
    await turns();
    expect(leftHeard.error).toBeInstanceOf(Error);
    expect(withoutDrain(leftHeard)).toEqual(['closed']);
    expect(withoutDrain(rightHeard)).toEqual(['closed']);
    expect(rightHeard.error).toBeUndefined();
  });

  test.each(['destroy', 'reset'] as const)('%s() does not wait for bytes that cannot be sent', async (method) => {
    const [left, , leftHeard] = await openUnread();
    await fill(left);
    expect(left.bufferedBytes).toBeGreaterThan(0);
    left[method]();
    await closed(leftHeard);
    await turns();
    expect(withoutDrain(leftHeard)).toEqual(['closed']);
    expect(leftHeard.error).toBeUndefined();
  });

  test.each(['destroy', 'reset'] as const)('%s() is reported to a peer that reads', async (method) => {
    const [left, right, leftHeard, rightHeard] = await openPair();
    left.write([Buffer.from('hello')]);
    right.write([Buffer.from('hello')]);
    await rightHeard.until(() => rightHeard.byteCount > 0);
    await leftHeard.until(() => leftHeard.byteCount > 0);
    left[method]();
    // The transport decides whether the peer sees the end, a reset, or both.
    await rightHeard.until(() => rightHeard.events.length > 0);
    right.destroy();
    await Promise.all([closed(leftHeard), closed(rightHeard)]);
    expect(leftHeard.events).toEqual(['closed']);
    expect(leftHeard.error).toBeUndefined();
  });

  describe.each(['destroy', 'reset'] as const)('%s() is reported once, and nothing after it,', (method) => {
    test.each(STREAM_STATES)('of a stream %s', async (_, bring) => {
      const [left, right, leftHeard, rightHeard] = await openUnread();
      await bring(left, right);
      const before = leftHeard.events.length;
      left[method]();
      await closed(leftHeard);
      left[method]();
      right.destroy();
      await closed(rightHeard);
      await turns();
      expect(leftHeard.events.slice(before)).toEqual(['closed']);
      expect(rightHeard.events.filter((event) => event === 'closed')).toHaveLength(1);
    });
  });

  test('destroy() within onBytes() stops all further events but onClosed()', async () => {
    const [left, right, , heard] = await openUnread();
    left.write([Buffer.alloc(300_000)]);
    await turns();
    heard.onEvent = () => right.destroy();
    right.resume();
    await closed(heard);
    await turns();
    expect(heard.chunks).toHaveLength(1);
    expect(heard.events).toEqual(['closed']);
  });

  test('destroy() before start() is reported after start()', async () => {
    const [left, right] = await makePair();
    left.destroy();
    const soon = RecordingListener.on(left);
    await closed(soon);
    right.destroy();
    await turns();
    const late = RecordingListener.on(right);
    expect(late.events).toEqual([]);
    await closed(late);
    await turns();
    expect([soon.events, late.events]).toEqual([['closed'], ['closed']]);
  });

  test('after the end no method throws or causes an event', async () => {
    const [left, right, leftHeard, rightHeard] = await openPair();
    left.destroy();
    right.destroy();
    await Promise.all([closed(leftHeard), closed(rightHeard)]);
    for (const transport of [left, right]) {
      transport.write([Buffer.from('late')]);
      transport.write([Buffer.from('late'), Buffer.from('r')]);
      expect(transport.droppedBytes).toBe(9);
      transport.pause();
      transport.resume();
      transport.end();
      transport.destroy();
      transport.reset();
      expect(transport.isBlocked).toBe(false);
    }
    await turns();
    expect([leftHeard.chunks, rightHeard.chunks]).toEqual([[], []]);
    for (const heard of [leftHeard, rightHeard])
      expect(heard.events.filter((event) => event === 'closed')).toHaveLength(1);
    for (const heard of [leftHeard, rightHeard]) expect(heard.events.at(-1)).toBe('closed');
  });
}

/** The states that a stream can be in when it is cut. The peer does not read, unless a state lets it. */
const STREAM_STATES: readonly (readonly [name: string, bring: (left: Transport, right: Transport) => unknown])[] = [
  ['that is idle', () => {}],
  ['with bytes that are being sent', (left) => left.write([Buffer.from('hello')])],
  ['with bytes that cannot be sent', (left) => fill(left)],
  [
    'with bytes that it has not read',
    async (left, right) => {
      left.pause();
      right.write([Buffer.alloc(MEBIBYTE)]);
      await turns();
    },
  ],
  ['that was ended in this turn', (left) => left.end()],
  [
    'that was ended in this turn, behind bytes',
    (left) => {
      left.write([Buffer.from('hello')]);
      left.end();
    },
  ],
  [
    'that was ended a tick ago',
    async (left) => {
      left.end();
      await Promise.resolve();
    },
  ],
  [
    'that was ended a turn ago',
    async (left) => {
      left.end();
      await turns(1);
    },
  ],
  [
    'that was ended behind bytes that cannot be sent',
    async (left) => {
      await fill(left);
      left.end();
    },
  ],
  [
    'whose end has arrived',
    async (left, right) => {
      right.resume();
      left.end();
      await turns();
    },
  ],
  [
    'that the peer has ended',
    async (_, right) => {
      right.end();
      await turns();
    },
  ],
  [
    'that the peer has ended and that was ended in this turn',
    async (left, right) => {
      right.end();
      await turns();
      left.end();
    },
  ],
];

/** Writes until the transport is blocked and stays so. Returns the number of bytes written. */
async function fill(transport: Transport): Promise<number> {
  let written = 0;
  while (!transport.isBlocked && written < MANY_BYTES) {
    transport.write([Buffer.alloc(MEBIBYTE, 'a')]);
    written += MEBIBYTE;
    if (transport.isBlocked) await turns();
  }
  return written;
}

function pattern(size: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) + seed) & 0xff;
  return bytes;
}

function closed(listener: RecordingListener): Promise<void> {
  return listener.until(() => listener.events.includes('closed'));
}

/** Leaves out `drain`: whether a transport blocks on the way depends on the sizes of its buffers. */
function withoutDrain(listener: RecordingListener): string[] {
  return listener.events.filter((event) => event !== 'drain');
}
