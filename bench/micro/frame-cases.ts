import { buildFrame } from '../load/frames.ts';
import { type MessageShape, payloadOf } from '../messages.ts';
import type { MicroCase, Modules } from './micro-case.ts';

const SHAPES: readonly MessageShape[] = [
  { kind: 'text', bytes: 16 },
  { kind: 'text', bytes: 64 },
  { kind: 'text', bytes: 1024 },
  { kind: 'binary', bytes: 1024 },
  { kind: 'binary', bytes: 16_000 },
];
/** Size of a chunk, as a busy socket gives it: many frames at once. */
const CHUNK_BYTES = 65_536;
/** Number of frames before the output is emptied. */
const BATCH = 16;

const LIMITS = { maxMessageBytes: 1_048_576, maxFragments: 1024 };

function ignore(): void {}

const SINK = {
  onMessage: ignore,
  onPing: ignore,
  onPong: ignore,
  onClose: ignore,
  onQueuedMessageFramed: ignore,
  onCompressed: ignore,
  partialMessageStaleMs: 0,
  onInflating: ignore,
  onFail: ignore,
};

/** Cases of parsing frames, receiving messages and sending messages. */
export function frameCases(modules: Modules): readonly MicroCase[] {
  return [
    ...SHAPES.map((shape) => parseFrames(modules, shape)),
    ...SHAPES.flatMap((shape) => [true, false].map((isServer) => receive(modules, shape, isServer))),
    ...SHAPES.flatMap((shape) => [true, false].map((isServer) => send(modules, shape, isServer))),
    writeHeader(modules),
  ];
}

function parseFrames({ frameParser: { FrameParser } }: Modules, shape: MessageShape): MicroCase {
  const parser = new FrameParser(
    { onDataHeader: () => true, onDataPayload: ignore, onControlFrame: ignore, onFramingViolation: ignore },
    true,
    0,
  );
  return inChunks(`parse ${shape.bytes} B frames`, shape, true, (chunk) => parser.receive(chunk));
}

function receive({ protocolConnection }: Modules, shape: MessageShape, isServer: boolean): MicroCase {
  const role = isServer ? 'server' : 'client';
  const connection = new protocolConnection.ProtocolConnection(SINK, new ScratchOutput(), {
    role,
    decodesText: true,
    ...LIMITS,
  });
  const name = `receive ${shape.bytes} B ${shape.kind}, ${role}`;
  return inChunks(name, shape, isServer, (chunk) => connection.receive(chunk));
}

/** Makes a case whose operation is one frame; a whole chunk of frames is received at once. */
function inChunks(
  name: string,
  shape: MessageShape,
  isMasked: boolean,
  receiveChunk: (chunk: Buffer) => void,
): MicroCase {
  const frame = buildFrame(shape, isMasked);
  const count = Math.floor(CHUNK_BYTES / frame.length);
  const original = Buffer.concat(Array.from({ length: count }, () => frame));
  const chunk = Buffer.from(original);
  return {
    name,
    bytes: shape.bytes,
    operationsAtOnce: count,
    run(times) {
      for (let i = 0; i < times; i++) {
        // Parsing unmasks in place, so the chunk is copied anew each time, which costs the same in every build.
        original.copy(chunk);
        receiveChunk(chunk);
      }
    },
  };
}

function send({ protocolConnection }: Modules, shape: MessageShape, isServer: boolean): MicroCase {
  const role = isServer ? 'server' : 'client';
  const output = new ScratchOutput();
  const connection = new protocolConnection.ProtocolConnection(SINK, output, { role, decodesText: true, ...LIMITS });
  const payload = payloadOf(shape);
  const text = payload.toString('latin1');
  const isText = shape.kind === 'text';
  return {
    name: `send ${shape.bytes} B ${shape.kind}, ${role}`,
    bytes: shape.bytes,
    run(times) {
      for (let i = 0; i < times; i++) {
        if (i % BATCH === 0) output.clear();
        if (isText) connection.sendText(text);
        else connection.sendBinary(payload);
      }
    },
  };
}

function writeHeader({ frame: { writeFrameHeader } }: Modules): MicroCase {
  const buffer = Buffer.alloc(14);
  return {
    name: 'send: header alone',
    bytes: 4,
    run(times) {
      for (let i = 0; i < times; i++) writeFrameHeader(buffer, 0, 0x82, 1024, undefined);
    },
  };
}

/** An output that discards everything. */
class ScratchOutput {
  buffer: Buffer = Buffer.alloc(BATCH * 32_768);
  readonly isBlocked = false;
  #end = 0;

  reserve(): number {
    return this.#end;
  }

  commit(byteCount: number): void {
    this.#end += byteCount;
  }

  append(): void {}

  appendPieces(): void {}

  appendBorrowed(): void {}

  appendShared(): void {}

  clear(): void {
    this.#end = 0;
  }
}
