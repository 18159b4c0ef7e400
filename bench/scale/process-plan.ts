import { OTHER_FILES } from '../open-files.ts';

/** A part of all connections: one server process and one process of clients. */
export interface Shard {
  readonly connections: number;
  /** Number of connections of the shards before. */
  readonly offset: number;
}

/**
 * Splits connections over as few processes as possible.
 *
 * @param openFiles - number of files that a process may have open
 */
export function planShards(connections: number, openFiles: number): readonly Shard[] {
  const most = openFiles - OTHER_FILES;
  if (most < 1) throw new Error(`${openFiles} open files are too few to measure: raise the limit with ulimit -n`);
  const count = Math.max(1, Math.ceil(connections / most));
  return Array.from({ length: count }, (_, i) => {
    const offset = Math.floor((connections * i) / count);
    return { offset, connections: Math.floor((connections * (i + 1)) / count) - offset };
  });
}
