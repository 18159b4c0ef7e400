import { setPriority } from 'node:os';
import { answerCalls } from '../../../tools/answer-calls.ts';
import { attacks } from '../attacks/all.ts';
import { AttackRun } from '../hostile/attack-run.ts';
import { warmUp } from '../hostile/warm-up.ts';
import type { HostileCalls } from './calls.ts';

// Hostile peers would run on other machines. Here they must not take processor time from the processes that measure.
setPriority(10);

let run: AttackRun | undefined;

const calls: HostileCalls = {
  warmUp,
  begin({ name, ...task }) {
    const attack = attacks.find((each) => each.name === name);
    if (attack === undefined) throw new Error(`there is no attack "${name}"`);
    run = new AttackRun(attack, task);
    return run.next();
  },
  goOn: () => run!.next(),
};

answerCalls(calls);
