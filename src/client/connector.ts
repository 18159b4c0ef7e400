import type { Socket } from 'node:net';

/** The part of a target that a connector decides by. */
export interface ConnectTarget {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket, which replaces host and port. */
  readonly socketPath: string | undefined;
}

/** Connects clients in another way than over the network. Undefined for a target that it does not know. */
export type Connector = (target: ConnectTarget) => Socket | undefined;

let connector: Connector | undefined;

/** Lets the testing kit connect clients in memory; undefined goes back to the network alone. */
export function replaceConnector(replacement: Connector | undefined): void {
  connector = replacement;
}

/** Connects in another way than over the network; undefined when the network is to be used. */
export function connectOtherwise(target: ConnectTarget): Socket | undefined {
  return connector?.(target);
}
