import { describe, inject } from 'vitest';
import { BROKER_KINDS, type BrokerKind, HOW_TO_INSTALL } from './programs.ts';

/** As `describe`, for each kind of server: without the server the tests are skipped, and the title says so. */
export function describeServers(body: (kind: BrokerKind) => void, kinds: readonly BrokerKind[] = BROKER_KINDS): void {
  for (const kind of kinds) {
    const version = inject('brokerVersions')[kind];
    const title = version === undefined ? `${kind} (not found: ${HOW_TO_INSTALL})` : `${kind} ${version}`;
    describe.skipIf(version === undefined)(title, () => body(kind));
  }
}
