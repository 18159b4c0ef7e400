import type { ConnectionPlan, SideName } from './plan.ts';
import { CLOSE_CODES, type SideRecord } from './talker.ts';

/** The records of both sides of one connection. */
export interface Records {
  readonly client: SideRecord;
  readonly server: SideRecord;
}

/** Lists what went wrong on a connection that has ended. The list is empty when nothing did. */
export function judgeConnection(plan: ConnectionPlan, records: Records): string[] {
  const { ending, ender } = plan;
  const other: SideName = ender === 'client' ? 'server' : 'client';
  const problems = [...judgeSide(plan, records.client), ...judgeSide(plan, records.server)];
  const sidesThatGetAll: readonly SideName[] =
    ending === 'agreed' ? ['client', 'server'] : ending === 'early' ? [other] : [];
  for (const side of ['client', 'server'] as const) {
    const { sent } = records[side === 'client' ? 'server' : 'client'];
    const { received } = records[side];
    if (received > sent) problems.push(`the ${side} got ${received} messages of ${sent} that were sent`);
    else if (received < sent && sidesThatGetAll.includes(side)) {
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
    const seen = `${code}, ${wasClean ? 'clean' : 'not clean'}, ${error ?? 'no error'}`;
    problems.push(`the ${side} ended with ${seen}: expected ${codes.join(' or ')}`);
  }
  return problems;
}
