import { constants, createDeflateRaw, createInflateRaw, deflateRawSync } from 'node:zlib';
import type { TransformDone } from '../../src/protocol/compression.ts';
import { type MessageShape, payloadOf } from '../messages.ts';
import type { MicroCase, Modules } from './micro-case.ts';

/** The library compresses the last one in the thread pool, the others synchronously. */
const SHAPES: readonly MessageShape[] = [
  { kind: 'object', bytes: 128 },
  { kind: 'object', bytes: 1024 },
  { kind: 'object', bytes: 16_384 },
  { kind: 'object', bytes: 262_144 },
];
const LEVEL = 3;
const WINDOW_BITS = 15;
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** Compresses or inflates one message. */
type Transform = (message: Buffer, done: TransformDone) => void;

/**
 * Compresses and inflates each message in one shot, as this library does, and through a stream of node:zlib that lives
 * as long as a connection.
 */
export function deflateCases(modules: Modules): readonly MicroCase[] {
  return SHAPES.flatMap((shape) => {
    const payload = payloadOf(shape);
    // The message refers to no earlier message, so it can be inflated repeatedly, even with context takeover.
    const compressed = deflateRawSync(payload, { level: LEVEL, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    return [false, true].flatMap((takesOver) => {
      const { deflater, inflater } = createCompression(modules, takesOver);
      const title = `${shape.bytes} B${takesOver ? ', context takeover' : ''}`;
      const caseOf = (name: string, message: Buffer, transform: Transform): MicroCase => ({
        name,
        bytes: shape.bytes,
        run: (times) => repeat(times, message, transform),
      });
      return [
        caseOf(`deflate ${title}`, payload, (message, done) => deflater.deflate(message, done)),
        caseOf(`deflate ${title}, stream`, payload, deflateThroughStream(takesOver)),
        caseOf(`inflate ${title}`, compressed, (message, done) => inflater.inflate(message, shape.bytes, done)),
        caseOf(`inflate ${title}, stream`, compressed, inflateThroughStream(takesOver)),
      ];
    });
  });
}

function createCompression(
  { zlib }: Modules,
  takesOver: boolean,
): ReturnType<InstanceType<Modules['zlib']['CompressionFactory']>['create']> {
  return new zlib.CompressionFactory('server', { thresholdBytes: 0, level: LEVEL }).create({
    serverNoContextTakeover: !takesOver,
    clientNoContextTakeover: !takesOver,
    serverMaxWindowBits: WINDOW_BITS,
    clientMaxWindowBits: WINDOW_BITS,
  });
}

/** Runs the transforms one after the other, without a wait for synchronous ones. */
async function repeat(times: number, message: Buffer, transform: Transform): Promise<void> {
  for (let i = 0; i < times; i++) {
    let isDone = false;
    let failure: Error | undefined;
    let wake: (() => void) | undefined;
    transform(message, (error) => {
      isDone = true;
      failure = error;
      wake?.();
    });
    if (!isDone) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure;
  }
}

function deflateThroughStream(takesOver: boolean): Transform {
  const stream = createDeflateRaw({ level: LEVEL, windowBits: WINDOW_BITS });
  const take = collect(stream);
  return (message, done) => {
    stream.write(message);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      const result = take();
      if (!takesOver) stream.reset();
      done(undefined, result.subarray(0, -TAIL.length));
    });
  };
}

function inflateThroughStream(takesOver: boolean): Transform {
  const stream = createInflateRaw({ windowBits: WINDOW_BITS });
  const take = collect(stream);
  return (message, done) => {
    stream.write(message);
    stream.write(TAIL);
    stream.flush(() => {
      const result = take();
      if (!takesOver) stream.reset();
      done(undefined, result);
    });
  };
}

/** Returns a function that returns the bytes that a stream has written since its last call. */
function collect(stream: NodeJS.ReadableStream): () => Buffer {
  let chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => {
    const [first] = chunks;
    const result = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
    chunks = [];
    return result;
  };
}
