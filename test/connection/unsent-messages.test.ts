import { afterEach, describe, expect, test } from 'vitest';
import { Connection, type ConnectionOptions } from '../../src/connection/connection.ts';
import { FakeCompression } from '../helpers/fake-compression.ts';
import { frame, readFrames } from '../helpers/frames.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';
import { RecordingConnectionListener } from '../helpers/recording-connection-listener.ts';
import { RecordingTransport } from '../helpers/recording-transport.ts';
import { turns } from '../helpers/turns.ts';

afterEach(() => expectNoDeadlines());

/** A transport that a test can block, also from within a write. */
class BlockingTransport extends RecordingTransport {
  /** Whether the next write blocks the transport. */
  blocksAtWrite = false;
  /** Whether the stream has ended, so that writes are dropped. */
  isEnded = false;

  override write(pieces: readonly Buffer[]): void {
    if (this.isEnded) {
      for (const { length } of pieces) this.droppedBytes += length;
      return;
    }
    if (this.blocksAtWrite) this.isBlocked = true;
    super.write(pieces.map((piece) => Buffer.from(piece)));
  }

  unblock(): void {
    this.blocksAtWrite = false;
    this.isBlocked = false;
    this.listener?.onWritable();
  }

  /** The messages that were handed to the transport in full. */
  get messages(): string[] {
    const frames = readFrames(Buffer.concat(this.writes.flat()), 'client');
    return frames.filter(({ first }) => (first & 0x0f) < 8).map(({ payload }) => payload.toString());
  }
}

function setUp(options: Partial<ConnectionOptions> = {}) {
  const transport = new BlockingTransport();
  const heard = new RecordingConnectionListener();
  const connection = new Connection(transport, Buffer.alloc(0), {
    role: 'client',
    decodesText: true,
    maxMessageBytes: 1_048_576,
    maxFragments: 1024,
    pingIntervalMs: Infinity,
    pongTimeoutMs: 20_000,
    incompleteMessageTimeoutMs: 30_000,
    maxControlFramesPerSecond: Infinity,
    maxMessagesPerSecond: Infinity,
    maxBytesPerSecond: Infinity,
    closeTimeoutMs: 10_000,
    maxBufferedBytes: 1_048_576,
    bufferPolicy: 'close',
    keepsUnsent: true,
    ...options,
  });
  connection.start(heard);
  connection.resume();
  const lose = (): { unsent: string[]; uncertain: number } => {
    transport.listener!.onClosed(undefined);
    const { unsent, uncertainCount } = heard.leftovers!;
    return { unsent: unsent.map(({ data }) => (data as string | Buffer).toString()), uncertain: uncertainCount };
  };
  return { transport, heard, connection, lose };
}

describe('messages of a client connection that is lost', () => {
  test('in the turn in which they were sent, are unsent', async () => {
    const { transport, connection, lose } = setUp();
    expect([connection.send('a'), connection.send(Buffer.from('b'))]).toEqual(['sent', 'sent']);
    expect(lose()).toEqual({ unsent: ['a', 'b'], uncertain: 0 });
    await turns(1);
    expect(transport.writes).toEqual([]);
  });

  test('after they were handed over, are uncertain', async () => {
    const { transport, connection, lose } = setUp();
    for (const text of ['a', 'b']) connection.send(text);
    await turns(1);
    connection.send('c');
    expect(transport.messages).toEqual(['a', 'b']);
    expect(lose()).toEqual({ unsent: ['c'], uncertain: 2 });
  });

  test('are unsent and not framed while the peer does not read, and keep the bytes of the call', async () => {
    const { transport, connection, lose } = setUp();
    transport.blocksAtWrite = true;
    connection.send('handed');
    await turns(1);
    const bytes = Buffer.from('one');
    expect([connection.send(bytes), connection.send('two', true, true)]).toEqual(['queued', 'queued']);
    bytes.fill(0);
    await turns(1);
    expect(connection.bufferedBytes).toBe(6);
    expect(transport.messages).toEqual(['handed']);
    expect(lose()).toEqual({ unsent: ['one', 'two'], uncertain: 1 });
    expect(connection.bufferedBytes).toBe(0);
  });

  test('follow in order when the peer reads again', async () => {
    const { transport, connection, lose } = setUp();
    transport.blocksAtWrite = true;
    connection.send('a');
    await turns(1);
    connection.send('b');
    connection.send('c');
    transport.unblock();
    connection.send('d');
    await turns(1);
    expect(transport.messages).toEqual(['a', 'b', 'c', 'd']);
    expect(lose()).toEqual({ unsent: [], uncertain: 4 });
  });

  test('are unsent when only a part of their frame was handed over', async () => {
    const { transport, connection, lose } = setUp();
    transport.blocksAtWrite = true;
    const long = 'x'.repeat(200_000);
    connection.send('a');
    connection.send(long);
    connection.send('b');
    await turns(1);
    expect(Buffer.concat(transport.writes.flat()).length).toBeLessThan(200_000);
    expect(lose()).toEqual({ unsent: [long, 'b'], uncertain: 1 });
  });

  test('are uncertain when the rest of their frame was handed over later', async () => {
    const { transport, connection, lose } = setUp();
    transport.blocksAtWrite = true;
    connection.send('x'.repeat(200_000));
    await turns(1);
    transport.unblock();
    expect(lose()).toEqual({ unsent: [], uncertain: 1 });
  });

  test('are unsent when the stream had ended before they were handed over', async () => {
    const { transport, heard, connection, lose } = setUp();
    connection.send('a');
    await turns(1);
    transport.isEnded = true;
    expect(connection.send('b')).toBe('sent');
    await turns(1);
    expect(connection.send('c')).toBe('sent');
    expect(lose()).toEqual({ unsent: ['b', 'c'], uncertain: 1 });
    expect(heard.terminatedWith!.bytesSent).toBe(7);
  });

  test('are unsent while they are being compressed, or wait behind such a message', async () => {
    const compression = new FakeCompression(false);
    const { transport, connection, lose } = setUp({ compression });
    for (const text of ['a', 'b', 'c', 'd']) expect(connection.send(text)).toBe('queued');
    compression.finishJob();
    await turns(1);
    expect(transport.messages).toEqual(['da']);
    expect(lose()).toEqual({ unsent: ['b', 'c', 'd'], uncertain: 1 });
  });

  test('are unsent when a message in front of them cannot be compressed', async () => {
    const compression = new FakeCompression(true);
    const { transport, connection, lose } = setUp({ compression });
    transport.blocksAtWrite = true;
    connection.send('a');
    await turns(1);
    for (const text of ['b', 'c']) connection.send(text);
    compression.deflateError = new Error('out of memory');
    transport.unblock();
    expect(lose()).toEqual({ unsent: ['b', 'c'], uncertain: 1 });
  });

  test('that cannot be compressed itself is dropped, as send() says', () => {
    const compression = new FakeCompression(true);
    compression.deflateError = new Error('out of memory');
    const { connection, lose } = setUp({ compression });
    expect(connection.send('a')).toBe('dropped');
    expect(lose()).toEqual({ unsent: [], uncertain: 0 });
  });

  test.each([
    ['uncompressed', undefined],
    ['compressed', new FakeCompression(false)],
  ])('are unsent when the peer closes before it reads them (%s)', async (_name, compression) => {
    const { transport, heard, connection, lose } = setUp({ compression });
    transport.blocksAtWrite = true;
    connection.send('x'.repeat(1000));
    await turns(1);
    connection.send('a');
    connection.send('b');
    transport.listener!.onBytes(frame('server', '88', '03e9'));
    expect(heard.events).toEqual(['closing']);
    transport.unblock();
    await turns(1);
    expect(lose().unsent.slice(-2)).toEqual(['a', 'b']);
    expect(heard.terminatedWith).toMatchObject({ code: 1001, wasClean: true });
  });

  test.each([
    ['uncompressed', undefined],
    ['compressed', new FakeCompression(false)],
  ])(
    'leave in front of its close frame, and are unsent when the peer reads neither (%s)',
    async (_name, compression) => {
      const { transport, connection, lose } = setUp({ compression });
      transport.blocksAtWrite = true;
      connection.send('first', false);
      await turns(1);
      for (const text of ['a', 'b', 'c']) connection.send(text);
      connection.close(1000, '', Infinity);
      compression?.finishJob();
      await turns(1);
      transport.unblock();
      await turns(1);
      // Without compression all have left; with it the first, and the others wait for the compressor.
      const { unsent, uncertain } = lose();
      expect(uncertain).toBe(compression === undefined ? 4 : 2);
      expect(unsent).toEqual(compression === undefined ? [] : ['b', 'c']);
    },
  );

  test('are unsent behind a failure, whose close frame overtakes them', async () => {
    const { transport, heard, connection, lose } = setUp();
    transport.blocksAtWrite = true;
    connection.send('a');
    await turns(1);
    connection.send('b');
    transport.listener!.onBytes(frame('server', '83'));
    expect(heard.errors[0]!.code).toBe('ERR_RESERVED_OPCODE');
    transport.unblock();
    expect(readFrames(Buffer.concat(transport.writes.flat()), 'client').map(({ first }) => first)).toEqual([
      0x81, 0x88,
    ]);
    expect(lose()).toEqual({ unsent: ['b'], uncertain: 1 });
  });

  test('are unsent above maxBufferedBytes, but for the one that send() drops', async () => {
    const { transport, connection, lose } = setUp({ maxBufferedBytes: 5 });
    transport.blocksAtWrite = true;
    connection.send('a');
    await turns(1);
    expect(['bbbb', 'cccc', 'dddd'].map((text) => connection.send(text))).toEqual(['queued', 'queued', 'dropped']);
    expect(lose()).toEqual({ unsent: ['bbbb', 'cccc'], uncertain: 1 });
  });

  test('are certain in front of a ping that was answered', async () => {
    const { transport, connection, lose } = setUp();
    connection.send('a');
    connection.sendPing();
    connection.send('b');
    await turns(1);
    const [, ping] = readFrames(Buffer.concat(transport.writes.flat()), 'client');
    transport.listener!.onBytes(frame('server', '8a', ping!.payload));
    expect(lose()).toEqual({ unsent: [], uncertain: 1 });
  });
});

test('a connection that keeps nothing reports no leftovers', async () => {
  const { transport, heard, connection } = setUp({ keepsUnsent: false });
  connection.send('a');
  transport.listener!.onClosed(undefined);
  expect(heard.leftovers).toBeUndefined();
  expect(heard.events.at(-1)).toBe('terminated 1006 unclean');
});
