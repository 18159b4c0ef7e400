import { setImmediate } from 'node:timers/promises';
import { parseClientOptions } from '../../../src/client/client-options.ts';
import { errorTable, type FourDError } from '../../../src/errors.ts';
import type { Compression } from '../../../src/protocol/compression.ts';
import type { Ending } from '../../../src/connection/closing-state.ts';
import { Connection, type ConnectionListener } from '../../../src/connection/connection.ts';
import { SocketTransport } from '../../../src/transport/socket-transport.ts';
import { CompressionFactory } from '../../../src/connection/zlib.ts';
import { MemorySocket } from '../memory-socket.ts';
import { describeMessage, type Outcome } from './outcome.ts';
import { readSentFrames } from './sent-frames.ts';
import { STREAM_DEFLATE, STREAM_LIMITS, type StreamCase } from './stream-case.ts';

const ALL_AT_ONCE = [1_000_000];

/** How a stream is delivered to the library. */
export interface Delivery {
  /** Sizes of the pieces, in rotation. */
  readonly sizes?: readonly number[];
  /** Whether the user stops reading for a turn after each message. */
  readonly isSlow?: boolean;
}

/** Returns the outcome of a stream in this library. TCP ends behind the stream. */
export async function libraryOutcome(
  { role, deflates, bytes }: StreamCase,
  { sizes = ALL_AT_ONCE, isSlow = false }: Delivery = {},
): Promise<Outcome> {
  const [peer, socket] = MemorySocket.pair(sizes);
  const sent: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => sent.push(chunk));
  peer.on('error', () => {});
  const factory = new CompressionFactory(role, { thresholdBytes: 0, level: 3 });
  const jobs = { running: 0 };
  const compression = deflates ? countJobs(factory.create(STREAM_DEFLATE), jobs) : undefined;
  const listener = new Listener();
  const connection = new Connection(new SocketTransport(socket), Buffer.alloc(0), {
    ...parseClientOptions({
      ...STREAM_LIMITS,
      pingIntervalMs: Infinity,
      incompleteMessageTimeoutMs: Infinity,
      maxControlFramesPerSecond: Infinity,
    }).limits,
    role,
    decodesText: true,
    compression,
  });
  connection.start(listener);
  let isPaused = false;
  listener.afterMessage = () => {
    if (!isSlow) return;
    isPaused = true;
    connection.pause();
    void (async () => {
      await setImmediate();
      isPaused = false;
      connection.resume();
    })();
  };
  connection.resume();
  peer.write(bytes);
  for (let quiet = 0; quiet < 3 && listener.ending === undefined; quiet++) {
    await setImmediate();
    const isMoving = peer.writableLength > 0 || socket.readableLength > 0 || socket.writableLength > 0;
    if (isPaused || jobs.running > 0 || isMoving) quiet = 0;
  }
  peer.end();
  while (listener.ending === undefined || !peer.closed) await setImmediate();
  const { messages, error, ending } = listener;
  return {
    messages,
    ...readSentFrames(Buffer.concat(sent), role),
    closeReceived: ending.cause === 'peer-closed' ? ending.code : undefined,
    // This function ended TCP, so its end without a close frame is not an error of the stream.
    error: error?.code === 'ERR_CONNECTION_LOST' ? undefined : error?.code,
  };
}

class Listener implements ConnectionListener {
  readonly messages: string[] = [];
  error: FourDError | undefined;
  ending: Ending | undefined;
  afterMessage = (): void => {};

  runReading(receive: (connection: Connection, chunk: Buffer) => void, connection: Connection, chunk: Buffer): void {
    receive(connection, chunk);
  }

  onMessage(data: string | Buffer): void {
    this.messages.push(describeMessage(data));
    this.afterMessage();
  }

  onClosing(): void {}

  onWritable(): void {}

  onDropped(): void {}

  onError(error: FourDError): void {
    if (errorTable[error.code].errCode !== error.errCode) throw new Error(`${error.code} has a wrong number`);
    this.error = error;
  }

  onTerminated(ending: Ending): void {
    this.ending = ending;
  }
}

/** Wraps a compression to count the messages that are being inflated. */
function countJobs({ thresholdBytes, deflater, inflater }: Compression, jobs: { running: number }): Compression {
  return {
    isShared: false,
    thresholdBytes,
    deflater,
    inflater: {
      inflate(compressed, maxBytes, done) {
        jobs.running++;
        inflater.inflate(compressed, maxBytes, (error, result) => {
          jobs.running--;
          done(error, result);
        });
      },
    },
  };
}
