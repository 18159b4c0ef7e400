import { OTHER_FILES } from '../open-files.ts';

/** A server and its clients, each in a process of its own. */
export interface Shard {
  readonly connections: number;
  /** Connections of the shards before. */
  readonly offset: number;
}

/**
 * Splits connections over no more processes than it takes.
 *
 * @param openFiles - most files that a process may have open
 */
export function planShards(connections: number, openFiles: number): readonly Shard[] {
  const most = openFiles - OTHER_FILES;
  if (most < 1) throw new Error(`a process may open ${openFiles} files, too few to measure: raise it with ulimit -n`);
  const count = Math.max(1, Math.ceil(connections / most));
  return Array.from({ length: count }, (_, i) => {
    const offset = Math.floor((connections * i) / count);
    return { offset, connections: Math.floor((connections * (i + 1)) / count) - offset };
  });
}
