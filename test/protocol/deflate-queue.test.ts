import { expect, test } from 'vitest';
import { NOT_COMPRESSED } from '../../src/protocol/compression.ts';
import { type DeflateListener, DeflateQueue } from '../../src/protocol/deflate-queue.ts';
import { PreparedMessage } from '../../src/protocol/prepared-message.ts';
import { FakeCompression } from '../helpers/fake-compression.ts';

/** Records calls as texts: `c1 6461`, `close 03e8`, `all`. */
class RecordingListener implements DeflateListener {
  readonly calls: string[] = [];
  onCall: (() => void) | undefined;

  onDeflated(firstByte: number, payload: Buffer): void {
    this.calls.push(`${firstByte.toString(16)} ${payload.toString('hex')}`);
    this.onCall?.();
  }

  onDeflatedClose(payload: Buffer): void {
    this.calls.push(`close ${payload.toString('hex')}`);
  }

  onDeflateFailed(error: Error): void {
    this.calls.push(`failed ${error.message}`);
  }

  onAllDeflated(): void {
    this.calls.push('all');
  }
}

interface Setup {
  readonly queue: DeflateQueue;
  readonly listener: RecordingListener;
  readonly compression: FakeCompression;
  readonly push: (text: string, compresses?: boolean) => void;
}

function setUp(isAtOnce: boolean): Setup {
  const listener = new RecordingListener();
  const compression = new FakeCompression(isAtOnce);
  const queue = new DeflateQueue(listener, compression.deflater);
  const push = (text: string, compresses = true): void =>
    queue.push({ firstByte: 0x81, payload: Buffer.from(text), compresses, shared: undefined });
  return { queue, listener, compression, push };
}

test('RFC 7692 6: a message that is compressed synchronously is sent at once, without onAllDeflated()', () => {
  const { queue, listener, push } = setUp(true);
  push('a');
  expect([queue.isDeflating, queue.waitingBytes, queue.waitingMessages]).toEqual([false, 0, 0]);
  push('b', false);
  expect(listener.calls).toEqual(['c1 6461', '81 62']);
});

test('RFC 7692 7.2.1: messages are compressed one by one and keep their order, and the close frame comes last', () => {
  const { queue, listener, compression, push } = setUp(false);
  push('a');
  push('b', false);
  push('cc');
  queue.pushClose(Buffer.from([3, 232]));
  expect([queue.isDeflating, queue.waitingBytes, queue.waitingMessages, compression.jobs]).toEqual([true, 4, 3, 1]);
  expect(queue.waitingClose).toEqual(Buffer.from([3, 232]));
  compression.finishJob();
  expect(listener.calls).toEqual(['c1 6461', '81 62']);
  expect([queue.isDeflating, queue.waitingBytes]).toEqual([true, 2]);
  compression.finishJob();
  expect(listener.calls.slice(2)).toEqual(['c1 646363', 'close 03e8']);
  expect([queue.isDeflating, queue.waitingBytes, queue.waitingClose]).toEqual([false, 0, undefined]);
});

test('onAllDeflated() follows the last message, and later messages are compressed too', () => {
  const { listener, compression, push } = setUp(false);
  push('a');
  push('b');
  compression.finishJobs();
  expect(listener.calls).toEqual(['c1 6461', 'c1 6462', 'all']);
  push('c');
  compression.finishJobs();
  expect(listener.calls.slice(3)).toEqual(['c1 6463', 'all']);
});

test('RFC 7692 6: a message that cannot be compressed is sent uncompressed', () => {
  const { queue, listener, compression, push } = setUp(true);
  compression.deflateError = NOT_COMPRESSED;
  push('a');
  expect(listener.calls).toEqual(['81 61']);
  expect(queue.waitingBytes).toBe(0);
});

test.each([true, false])(
  'a message of many connections is compressed once if the deflater is shared (%s)',
  (isShared) => {
    const listener = new RecordingListener();
    const compression = new FakeCompression(true, isShared);
    const shared = new PreparedMessage('a');
    for (let i = 0; i < 2; i++) {
      const queue = new DeflateQueue(listener, compression.deflater);
      queue.push({ firstByte: 0x81, payload: shared.payload, compresses: true, shared });
    }
    expect(listener.calls).toEqual(['c1 6461', 'c1 6461']);
    expect(compression.deflated).toBe(isShared ? 1 : 2);
  },
);

test('clear() drops the message being compressed and all waiting ones, also within onDeflated()', () => {
  const { queue, listener, compression, push } = setUp(false);
  push('a');
  push('b');
  queue.pushClose(Buffer.alloc(0));
  queue.clear();
  expect([queue.waitingBytes, queue.waitingClose]).toEqual([0, undefined]);
  compression.finishJobs();
  expect([listener.calls, compression.deflated]).toEqual([[], 1]);

  const other = setUp(false);
  other.listener.onCall = () => other.queue.clear();
  other.push('a');
  other.push('b', false);
  other.push('c', false);
  other.compression.finishJobs();
  expect(other.listener.calls[0]).toBe('c1 6461');
  expect(other.listener.calls).not.toContain('81 62');
});

test('a message that zlib fails on is reported, and nothing behind it is sent', () => {
  const { queue, listener, compression, push } = setUp(false);
  push('a');
  push('b');
  queue.pushClose(Buffer.from([3, 232]));
  compression.deflateError = new Error('no memory');
  compression.finishJobs();
  expect(listener.calls).toEqual(['failed no memory']);
  expect([queue.waitingBytes, compression.jobs]).toEqual([0, 0]);
});

test('a message for many that zlib fails on is sent uncompressed: the failure is not that of one receiver', () => {
  const { queue, listener, compression } = setUp(true);
  compression.deflateError = new Error('no memory');
  queue.push({ firstByte: 0x81, payload: Buffer.from('a'), compresses: true, shared: new PreparedMessage('a') });
  expect(listener.calls).toEqual(['81 61']);
});
