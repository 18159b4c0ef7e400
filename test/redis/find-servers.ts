import type { TestProject } from 'vitest/node';
import { BROKER_KINDS, findServer, HOW_TO_INSTALL } from './programs.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Versions of the servers that are there, by kind. */
    brokerVersions: Readonly<Record<string, string>>;
  }
}

/** Runs once before the tests: finds the servers, and says in a line when one is missing. */
export default function findServers(project: TestProject): void {
  const versions: Record<string, string> = {};
  for (const kind of BROKER_KINDS) {
    const version = findServer(kind);
    if (version !== undefined) versions[kind] = version;
  }
  project.provide('brokerVersions', versions);
  const missing = BROKER_KINDS.filter((kind) => versions[kind] === undefined);
  if (missing.length === 0) return;
  process.stdout.write(`not found: ${missing.join(', ')} (${HOW_TO_INSTALL}): npm run test:brokers skips its tests\n`);
}
