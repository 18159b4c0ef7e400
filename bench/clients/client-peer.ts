import type { MessageShape } from '../messages.ts';
import type { PeerDescription } from '../processes/calls.ts';

/** A client that is measured. */
export interface ClientPeer extends PeerDescription {
  /** Connects, and resolves when the connection is open. */
  connect(task: ConnectTask): Promise<ClientConnection>;
}

export interface ConnectTask {
  readonly url: string;
  readonly shape: MessageShape;
  /** Gets what the client gives its user; objects parsed. */
  readonly onMessage: (data: unknown) => void;
  /** The connection is over. */
  readonly onLost: () => void;
}

export interface ClientConnection {
  send(message: string | Buffer | object): void;
}
