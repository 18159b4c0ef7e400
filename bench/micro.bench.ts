/** Masks and frames alone, to judge a change in seconds: `npm run bench:micro`. */
import { bench, describe } from 'vitest';
import { FrameParser } from '../src/protocol/frame-parser.ts';
import { applyMask } from '../src/protocol/mask.ts';
import { buildFrames } from './load/frames.ts';
import { type MessageShape, payloadOf } from './messages.ts';

const MASK_SIZES: readonly number[] = [16, 64, 128, 1024, 16_384, 1_048_576];
const FRAMES: readonly MessageShape[] = [16, 64, 1024, 16_000].map((bytes) => ({ kind: 'binary', bytes }));
/** Bytes of one operation: a chunk as a busy socket gives it, or as many masks in a row. */
const CHUNK_BYTES = 65_536;

function ignore(): void {}

describe('mask, 64 KiB in all', () => {
  for (const bytes of MASK_SIZES) {
    for (const offset of [0, 1]) {
      const buffer = Buffer.concat([Buffer.alloc(offset), payloadOf({ kind: 'binary', bytes })]);
      bench(`${bytes} B${offset === 0 ? '' : ', not aligned'}`, () => {
        for (let done = 0; done < CHUNK_BYTES; done += bytes) applyMask(buffer, offset, offset + bytes, 0x37fa213d);
      });
    }
  }
});

describe('parse a chunk of 64 KiB', () => {
  const sink = { onDataHeader: () => true, onDataPayload: ignore, onControlFrame: ignore, onFramingViolation: ignore };
  for (const shape of FRAMES) {
    const [frame = Buffer.alloc(0)] = buildFrames(shape, true);
    const original = Buffer.concat(Array.from({ length: Math.floor(CHUNK_BYTES / frame.length) }, () => frame));
    const chunk = Buffer.from(original);
    const parser = new FrameParser(sink, true, 0);
    bench(`${shape.bytes} B ${shape.kind}`, () => {
      // Parsing unmasks in place, so the chunk is copied anew each time.
      original.copy(chunk);
      parser.receive(chunk);
    });
  }
});
