import type { ConformanceCase } from '../case.ts';
import type { RunnerConnection } from './connection.ts';
import type { CaseResult } from './judge.ts';
import type { Peer } from './peers.ts';
import { type Patience, runCase } from './run-case.ts';

/** Runs one case against a peer on a new connection. */
export async function runAgainst(peer: Peer, testCase: ConformanceCase, patience: Patience): Promise<CaseResult> {
  const { id, title } = testCase;
  let connection: RunnerConnection;
  try {
    connection = await peer.open(testCase);
  } catch (error) {
    return { id, title, verdict: 'failed', detail: `no connection: ${(error as Error).message}` };
  }
  if (testCase.deflate !== undefined && connection.deflate === undefined) {
    connection.destroy();
    return { id, title, verdict: 'unsupported', detail: 'the peer does not compress' };
  }
  return await runCase(testCase, connection, patience);
}
