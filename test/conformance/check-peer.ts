import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConformanceCase } from './case.ts';
import { conformanceCases } from './cases/all.ts';
import type { CaseResult, Verdict } from './runner/judge.ts';
import type { Peer } from './runner/peers.ts';
import { toQuickForm } from './runner/quick.ts';
import type { Patience } from './runner/run-case.ts';
import { runAgainst } from './runner/run-peer.ts';

const PATIENCE = { timeoutMs: 5000, quietMs: 40, promptMs: 2000 };

interface CheckOptions {
  readonly cases?: readonly ConformanceCase[];
  /** The verdicts of cases that are known not to be OK, by id. */
  readonly exceptions?: Readonly<Record<string, Verdict>>;
  readonly patience?: Patience;
}

/** Tests that a peer passes every case in its quick form. */
export function checkPeer(
  name: string,
  start: () => Promise<Peer>,
  { cases = conformanceCases, exceptions = {}, patience = PATIENCE }: CheckOptions = {},
): void {
  describe(`conformance of ${name}`, () => {
    let peer: Peer;
    beforeAll(async () => {
      peer = await start();
    });
    afterAll(() => peer.stop());

    test.each(cases.map((testCase) => [testCase.id, testCase.title, testCase] as const))(
      '%s %s',
      async (id, _title, testCase) => {
        const result = await runAgainst(peer, toQuickForm(testCase), patience);
        const verdict = testCase.isInformational ? 'informational' : (exceptions[id] ?? 'ok');
        expect(result).toMatchObject<Partial<CaseResult>>(verdict === 'ok' ? { verdict, detail: '' } : { verdict });
      },
    );
  });
}
