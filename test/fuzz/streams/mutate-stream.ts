import { deflateMessage, deflateFinally } from '../../helpers/deflate.ts';
import { frame, lengthOfFrame, otherRole } from '../../helpers/frames.ts';
import type { Random } from './random.ts';
import type { StreamCase } from './stream-case.ts';

/** Longest mutated stream: without a limit, streams would grow for ever. */
const MAX_BYTES = 4000;

const FIRST_BYTES = [
  0x00, 0x40, 0xc0, 0x80, 0x01, 0x81, 0x02, 0x82, 0x88, 0x89, 0x8a, 0x08, 0x09, 0xc1, 0xc2, 0x41, 0x83, 0xa1, 0x91,
];
const ODD_BYTES = [0x00, 0x01, 0x7d, 0x7e, 0x7f, 0x80, 0xc0, 0xed, 0xf4, 0xfe, 0xff];
const LENGTHS = [0, 1, 2, 123, 124, 125, 126, 127, 200];
const TEXTS = ['', 'a', 'é', '€', '😀', 'Hello', '\ud800'];
const BROKEN_TEXTS = ['c0af', 'eda080', 'f4908080', 'e282', 'f09f98', '80', 'ff'];
const CLOSE_PAYLOADS = [
  '',
  '03',
  '03e8',
  '03e9',
  '03ed',
  '03ee',
  '03f7',
  '0bb7',
  '0bb8',
  '1387',
  '1388',
  '03e862',
  '03e8ff',
];
const LONG_BYTES = [65_535, 65_536, 70_000, 70_001];

type Mutation = (stream: StreamCase, random: Random, others: readonly StreamCase[]) => Buffer;

/** Changes of single bytes, and changes of whole frames, so that most streams get past the first check. */
const MUTATIONS: readonly Mutation[] = [
  ({ bytes }, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  ({ bytes }, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[random.below(copy.length)] = random.pick(ODD_BYTES);
    return copy;
  },
  ({ bytes }, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  ({ bytes }, random) => {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(4))]);
  },
  (stream, random, others) => {
    // A stream for the other role would fail at its masks, which is only one check.
    const { bytes } = random.pick(others.filter(({ role }) => role === stream.role));
    const frames = startsOfFrames(stream.bytes);
    const at = random.pick(frames);
    return Buffer.concat([stream.bytes.subarray(0, at), bytes, stream.bytes.subarray(at)]);
  },
  (stream, random) => {
    const at = random.pick(startsOfFrames(stream.bytes));
    return Buffer.concat([stream.bytes.subarray(0, at), anyFrame(stream, random), stream.bytes.subarray(at)]);
  },
  (stream, random) => {
    const at = random.pick(startsOfFrames(stream.bytes));
    return Buffer.concat([stream.bytes.subarray(0, at), anyMessage(stream, random), stream.bytes.subarray(at)]);
  },
  (stream, random) => {
    const at = random.pick(startsOfFrames(stream.bytes));
    const length = lengthOfFrame(stream.bytes.subarray(at)) ?? 0;
    return Buffer.concat([stream.bytes.subarray(0, at), stream.bytes.subarray(at + length)]);
  },
  ({ bytes }, random) => {
    const copy = Buffer.from(bytes);
    const at = random.pick(startsOfFrames(bytes));
    if (at < copy.length) copy[at] = random.pick(FIRST_BYTES);
    return copy;
  },
  ({ bytes }, random) => {
    const copy = Buffer.from(bytes);
    const at = random.pick(startsOfFrames(bytes)) + 1;
    if (at < copy.length) copy[at] = (copy[at]! & 0x80) | random.pick([...LENGTHS.slice(0, 8), 5]);
    return copy;
  },
];

/** Returns a stream that differs a little from the given one. */
export function mutateStream(stream: StreamCase, random: Random, others: readonly StreamCase[]): StreamCase {
  let bytes = stream.bytes;
  for (let left = 1 + random.below(4); left > 0; left--) {
    bytes = random.pick(MUTATIONS)({ ...stream, bytes }, random, others);
  }
  // Long frames come from longFrame(): mutations hardly ever make one.
  if (random.oneIn(60)) bytes = Buffer.concat([bytes, longFrame(stream, random)]);
  else bytes = bytes.subarray(0, MAX_BYTES);
  return { role: stream.role, deflates: random.oneIn(8) ? !stream.deflates : stream.deflates, bytes };
}

/** Returns the offsets at which frames begin. The last one is the end, or the begin of an incomplete frame. */
function startsOfFrames(bytes: Buffer): number[] {
  const starts = [0];
  for (let offset = 0; offset < bytes.length;) {
    const length = lengthOfFrame(bytes.subarray(offset));
    if (length === undefined || offset + length > bytes.length) break;
    offset += length;
    starts.push(offset);
  }
  return starts;
}

function anyPayload(random: Random): Buffer {
  switch (random.below(5)) {
    case 0:
      return Buffer.from(random.pick(BROKEN_TEXTS), 'hex');
    case 1:
      return Buffer.from(random.pick(CLOSE_PAYLOADS), 'hex');
    case 2:
      return Buffer.alloc(random.pick(LENGTHS), 'x');
    default:
      return Buffer.from(random.pick(TEXTS) + random.pick(TEXTS));
  }
}

function anyFrame({ role }: StreamCase, random: Random): Buffer {
  const first = random.pick(FIRST_BYTES);
  const payload =
    first === 0x88 && random.oneIn(2) ? Buffer.from(random.pick(CLOSE_PAYLOADS), 'hex') : anyPayload(random);
  return frame(otherRole(role), first.toString(16).padStart(2, '0'), payload, {
    ...(random.oneIn(10) && { lengthBytes: random.pick([2, 8] as const) }),
    ...(random.oneIn(20) && {
      length: random.pick([0n, 126n, 70_001n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]),
      lengthBytes: 8,
    }),
  });
}

/** Builds a valid message in one frame or several, compressed where compression was negotiated. */
function anyMessage({ role, deflates }: StreamCase, random: Random): Buffer {
  const isCompressed = deflates && !random.oneIn(3);
  const text = random.pick(TEXTS).repeat(random.pick([1, 2, 50]));
  const compress = random.oneIn(4) ? deflateFinally : deflateMessage;
  const payload = isCompressed ? compress(text) : Buffer.from(text);
  const count = random.oneIn(30) ? 22 : 1 + random.below(4);
  const cut = Math.ceil(payload.length / count);
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => {
      const first =
        (i === 0 ? (random.oneIn(2) ? 1 : 2) | (isCompressed ? 0x40 : 0) : 0) | (i === count - 1 ? 0x80 : 0);
      return frame(otherRole(role), first.toString(16).padStart(2, '0'), payload.subarray(i * cut, (i + 1) * cut));
    }),
  );
}

function longFrame({ role, deflates }: StreamCase, random: Random): Buffer {
  const content = Buffer.alloc(random.pick(LONG_BYTES), random.pick(['a', 'é', '\u0001']));
  const isCompressed = deflates && random.oneIn(2);
  return frame(
    otherRole(role),
    isCompressed ? 'c2' : random.pick(['81', '82', '80']),
    isCompressed ? deflateMessage(content) : content,
  );
}
