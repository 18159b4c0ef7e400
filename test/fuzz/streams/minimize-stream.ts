import type { StreamCase } from './stream-case.ts';

/** Most trials: enough to get a stream that a person can read. */
const MAX_TRIALS = 500;

/** Finds a shorter stream for which `holds` is true, by leaving bytes out and by setting bytes to 0. */
export async function minimizeStream(
  stream: StreamCase,
  holds: (stream: StreamCase) => Promise<boolean>,
): Promise<StreamCase> {
  let best = stream;
  let trials = 0;
  const accept = async (bytes: Buffer): Promise<boolean> => {
    if (trials++ >= MAX_TRIALS) return false;
    const isBetter = await holds({ ...stream, bytes });
    if (isBetter) best = { ...stream, bytes };
    return isBetter;
  };
  for (let size = best.bytes.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.bytes.length;) {
      const { bytes } = best;
      if (!(await accept(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)])))) at += size;
    }
  }
  for (let at = 0; at < best.bytes.length; at++) {
    if (best.bytes[at] === 0) continue;
    const simpler = Buffer.from(best.bytes);
    simpler[at] = 0;
    await accept(simpler);
  }
  return best;
}
