import { describe, expect, test } from 'vitest';
import { startExample } from '../helpers/program.ts';
import { pingFlood } from './attacks/ping-flood.ts';
import { resets } from './attacks/resets.ts';
import { judge } from './runner/judge.ts';
import { runAttack } from './runner/run-attack.ts';

/** A short plan. The timeout is long because the machine may be busy with other tests. */
const PLAN = { pressMs: 300, honestClients: 10, without: [] };
const TIMEOUT_MS = 120_000;

describe('npm run abuse in short', () => {
  test.each([pingFlood, resets])(
    'honest clients do not notice $name',
    async (attack) => {
      const outcome = await runAttack({ ...attack, peers: 20 }, PLAN);
      expect(judge(attack, outcome)).toEqual([]);
      expect(outcome.hostile.peers).toBeGreaterThanOrEqual(40);
      expect(outcome.honest.sent).toBeGreaterThan(20);
    },
    TIMEOUT_MS,
  );

  test(
    'a limit that is switched off makes the verdict bad',
    async () => {
      const attack = { ...pingFlood, peers: 8, patienceMs: 200 };
      const outcome = await runAttack(attack, { ...PLAN, without: ['maxControlFramesPerSecond'] });
      expect(judge(attack, outcome)).toEqual([
        'no hostile peer ended with 1008',
        expect.stringMatching(/^\d+ hostile peers ended with still there, which is not documented$/),
        expect.stringMatching(/^\d+ connections and \d+ sockets were left at the server$/),
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    'two kilobytes that the server keeps of each connection that has ended make the verdict bad',
    async () => {
      const outcome = await runAttack({ ...pingFlood, peers: 20 }, { ...PLAN, fault: 'buffer' });
      expect(judge(pingFlood, outcome)).toContainEqual(
        expect.stringMatching(/^after all peers have gone: objects grow by /),
      );
    },
    TIMEOUT_MS,
  );

  test('the command ends with 2 for a wrong argument', async () => {
    const program = await startExample('test/abuse/run.ts', { args: ['--only', 'nothing'] });
    expect(await program.ended).toEqual({ code: 2, signal: null });
    expect(program.output).toContain('--only must be one of');
  });
});
