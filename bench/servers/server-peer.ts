import type { PeerDescription, ServerWorkload } from '../processes/calls.ts';

/** A server that is measured. */
export interface ServerPeer extends PeerDescription {
  /** Starts it on a free port of 127.0.0.1, which is the result. */
  serve(workload: ServerWorkload): Promise<number>;
  /** What a client sent that it must not have: only the bare server looks, where clients are measured. */
  findFault?(isQuiet: boolean): string | undefined;
}

/** Most bytes that a server may have to retainTurn for one connection: 16 messages of 1 MiB on their way back. */
export const MAX_BUFFERED_BYTES: number = 64 * 1_048_576;
/** Longest message of any load. */
export const MAX_MESSAGE_BYTES = 1_048_576;
