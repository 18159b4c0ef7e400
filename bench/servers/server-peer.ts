import type { PeerDescription, ServerWorkload } from '../processes/calls.ts';

/** A server that is measured. */
export interface ServerPeer extends PeerDescription {
  /** Starts the server on a free port of 127.0.0.1, and returns the port. */
  serve(workload: ServerWorkload): Promise<number>;
  /** Describes a wrong message of a client. Only the bare server, which answers measured clients, checks messages. */
  findFault?(isQuiet: boolean): string | undefined;
  /** Publishes a message in a topic, and waits until it is stored. */
  readonly publish?: (topic: string) => Promise<unknown>;
}

/** Limit of buffered bytes of a connection: well above 16 echoes of 1 MiB. */
export const MAX_BUFFERED_BYTES: number = 64 * 1_048_576;
/** Longest message of any load. */
export const MAX_MESSAGE_BYTES = 1_048_576;
/** Pings of servers with rooms or topics: none in a measurement, because their clients must all get the same bytes. */
export const PING_MS = 300_000;
