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

/** How a stream reaches the library. */
export interface Delivery {
  /** Sizes of the pieces that it comes in. */
  readonly sizes?: readonly number[];
  /** Whether its user stops reading after each message for a turn. */
  readonly isSlow?: boolean;
}

/** What this library makes of a stream, behind which TCP ends. */
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
  const compression = deflates ? counted(factory.create(STREAM_DEFLATE), jobs) : undefined;
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
    closeHeard: ending.cause === 'peer-closed' ? ending.code : undefined,
    // That TCP ended without a close frame is not the stream's doing.
    error: error?.code === 'ERR_CONNECTION_LOST' ? undefined : error?.code,
  };
}

class Listener implements ConnectionListener {
  readonly messages: string[] = [];
  error: FourDError | undefined;
  ending: Ending | undefined;
  afterMessage = (): void => {};

  onMessage(data: string | Buffer): void {
    this.messages.push(describeMessage(data));
    this.afterMessage();
  }

  onClosing(): void {}

  onWritable(): void {}

  onError(error: FourDError): void {
    if (errorTable[error.code].errCode !== error.errCode) throw new Error(`${error.code} has a number of its own`);
    this.error = error;
  }

  onTerminated(ending: Ending): void {
    this.ending = ending;
  }
}

/** Counts the messages that are being inflated. */
function counted({ thresholdBytes, deflater, inflater }: Compression, jobs: { running: number }): Compression {
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
