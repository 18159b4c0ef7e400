import type { Duplex } from 'node:stream';
import type { UpgradeRequest, ValidUpgrade } from '../handshake/server-handshake.ts';
import type { ClientFacts } from './direct-client.ts';

/** The facts about an upgrade request that is checked. */
export interface UpgradeFacts {
  readonly request: UpgradeRequest;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly handshake: ValidUpgrade;
  /** The subprotocol that the option `protocols` selects, `''` for none. */
  readonly protocol: string;
  readonly client: ClientFacts;
  readonly network: string;
}
