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
  /** Called with the data that the client gives its user; objects are parsed. */
  readonly onMessage: (data: unknown) => void;
  /** Called when the connection has ended. */
  readonly onLost: () => void;
}

export interface ClientConnection {
  send(message: string | Buffer | object): void;
}
