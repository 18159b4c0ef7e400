import type { ConnectionPlan, SideName } from './plan.ts';
import { CLOSE_CODES, type SideRecord } from './talker.ts';

/** What both sides have seen of one connection. */
export interface Records {
  readonly client: SideRecord;
  readonly server: SideRecord;
}

/** Tells what is wrong with a connection that is over: nothing when the list is empty. */
export function judgeConnection(plan: ConnectionPlan, records: Records): string[] {
  const { ending, ender } = plan;
  const other: SideName = ender === 'client' ? 'server' : 'client';
  const problems = [...judgeSide(plan, records.client), ...judgeSide(plan, records.server)];
  const mustHaveAll: readonly SideName[] =
    ending === 'agreed' ? ['client', 'server'] : ending === 'early' ? [other] : [];
  for (const side of ['client', 'server'] as const) {
    const { sent } = records[side === 'client' ? 'server' : 'client'];
    const { received } = records[side];
    if (received > sent) problems.push(`the ${side} got ${received} messages of ${sent} that were sent`);
    else if (received < sent && mustHaveAll.includes(side)) {
      problems.push(`the ${side} lost ${sent - received} messages: ${received} came of ${sent}`);
    }
    if (ending === 'agreed' && sent !== plan[side === 'client' ? 'server' : 'client'].messages) {
      problems.push(`the ${side} was sent ${sent} messages, fewer than planned`);
    }
  }
  return problems;
}

function judgeSide(plan: ConnectionPlan, { side, code, wasClean, error, problem }: SideRecord): string[] {
  const problems = problem === undefined ? [] : [`the ${side} ${problem}`];
  const isReset = plan.ending === 'reset';
  const codes: readonly number[] =
    plan.ending === 'both'
      ? [CLOSE_CODES.client, CLOSE_CODES.server]
      : [plan.ending === 'reset' ? 1006 : CLOSE_CODES[plan.ending]];
  if (!codes.includes(code) || wasClean === isReset || (error === undefined) === isReset) {
    problems.push(
      `the ${side} ended with ${code}, ${wasClean ? 'clean' : 'not clean'}, ${error ?? 'no error'}: expected ${codes.join(' or ')}`,
    );
  }
  return problems;
}
