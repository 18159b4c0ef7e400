import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../../../src/protocol/constants.ts';
import { conformanceCases } from '../../conformance/cases/all.ts';
import { strictness } from '../../conformance/cases/strictness.ts';
import type { ConformanceCase, MessageStep, Step } from '../../conformance/case.ts';
import { bytesOf } from '../../conformance/runner/payload.ts';
import { frame, type FrameOptions, otherRole, ROLES } from '../../helpers/frames.ts';
import { formatStreamCase, parseStreamCase, type StreamCase } from './stream-case.ts';

const FOLDER = join(import.meta.dirname, '..', 'corpus');
const FOUND_FILE = join(FOLDER, 'found.txt');

/** Longest case in bytes: longer ones take time, and find nothing more. */
const MAX_CASE_BYTES = 500;

/** Reads the streams in `test/fuzz/corpus/`, and builds the streams of the conformance cases. */
export function readCorpus(): StreamCase[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
  const lines = files.flatMap((name) => readFileSync(join(FOLDER, name), 'utf8').split('\n'));
  const own = lines.filter((line) => line.trim() !== '' && !line.startsWith('#')).map(parseStreamCase);
  const all = [...own, ...conformanceStreams()];
  return [...new Map(all.map((each) => [formatStreamCase(each), each])).values()];
}

/** Adds a stream to the corpus. */
export function saveStream(stream: StreamCase, note: string): void {
  appendFileSync(FOUND_FILE, `${formatStreamCase(stream)} # ${note}\n`);
}

function conformanceStreams(): StreamCase[] {
  const streams = [...conformanceCases, ...strictness].flatMap((each) => ROLES.map((role) => toStream(each, role)));
  return streams.filter((stream) => stream !== undefined);
}

/** Builds the bytes that a case sends to `role`. Undefined for a long case, and for one that waits for answers. */
function toStream({ steps, deflate }: ConformanceCase, role: Role): StreamCase | undefined {
  const frames = steps.flatMap((step) => toFrames(step, role) ?? [undefined]);
  if (deflate !== undefined || !frames.every((each) => each !== undefined)) return undefined;
  const bytes = Buffer.concat(frames);
  return bytes.length > MAX_CASE_BYTES ? undefined : { role, deflates: false, bytes };
}

function toFrames(step: Step, role: Role): Buffer[] | undefined {
  if ('wait' in step) return [];
  if ('message' in step) return toFragments(step, role);
  // Steps that cut a frame are left out, because masking needs the whole frame. The mutations cut frames.
  if (!('frame' in step)) return undefined;
  const { isMaskWrong, announcedBytes, lengthBytes } = step;
  const options: FrameOptions = {
    ...(isMaskWrong && { key: role === 'server' ? null : '01020304' }),
    ...(announcedBytes !== undefined && { length: BigInt(announcedBytes) }),
    ...(lengthBytes !== undefined && { lengthBytes }),
  };
  return [toFrame(step.frame, bytesOf(step.payload), role, options)];
}

function toFragments({ message, payload, fragmentBytes = Infinity }: MessageStep, role: Role): Buffer[] {
  const bytes = bytesOf(payload);
  if (bytes.length > MAX_CASE_BYTES) return [bytes];
  const opcode = message === 'text' ? 1 : 2;
  const fragments: Buffer[] = [];
  for (let offset = 0; offset < bytes.length || offset === 0; offset += fragmentBytes) {
    const end = offset + fragmentBytes >= bytes.length ? 0x80 : 0;
    fragments.push(toFrame(end | (offset === 0 ? opcode : 0), bytes.subarray(offset, offset + fragmentBytes), role));
  }
  return fragments;
}

function toFrame(first: number, payload: Buffer, role: Role, options?: FrameOptions): Buffer {
  return frame(otherRole(role), first.toString(16).padStart(2, '0'), payload, options);
}
