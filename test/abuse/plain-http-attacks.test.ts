import { expect, test } from 'vitest';
import { pipelinedFiles } from './attacks/pipelined-files.ts';
import { slowBodies } from './attacks/slow-bodies.ts';
import { socketFlood } from './attacks/socket-flood.ts';
import { unreadFiles } from './attacks/unread-files.ts';
import { judge } from './runner/judge.ts';
import { runAttack } from './runner/run-attack.ts';

/** The attacks of `npm run abuse` on plain HTTP, in short. The timeout is long because the machine may be busy. */
test.each([
  { ...pipelinedFiles, peers: 12 },
  { ...unreadFiles, peers: 8 },
  { ...slowBodies, peers: 20 },
  { ...socketFlood, peers: 460 },
])(
  'honest clients do not notice $name',
  async (attack) => {
    const outcome = await runAttack(attack, { pressMs: 300, honestClients: 10, without: [] });
    expect(judge(attack, outcome)).toEqual([]);
  },
  60_000,
);
