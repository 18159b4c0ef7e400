import { describe, expect, test } from 'vitest';
import { messageOf } from './message.ts';
import { type ConnectionPlan, planOf, type SideName } from './plan.ts';
import { StreamCheck } from './stream-check.ts';

/** A plan whose client sends many messages of this kind. */
function planWith(dataType: ConnectionPlan['dataType']): ConnectionPlan {
  for (let id = 1; ; id++) {
    const plan = planOf(1, id);
    if (plan.dataType === dataType && plan.client.messages >= 20) return plan;
  }
}

function isLong(message: unknown, index: number): boolean {
  return index > 3 && JSON.stringify(message).length > 1000;
}

describe.each(['text', 'blob', 'object'] as const)('messages that arrive as "%s"', (dataType) => {
  const plan = planWith(dataType);
  const messages = Array.from({ length: plan.client.messages }, (_, n) => messageOf(plan, 'client', n).expected);
  // One that says its number.
  const n = messages.findIndex(isLong);
  const foreign = (other: ConnectionPlan, sender: SideName): unknown =>
    Array.from({ length: 50 }, (_, i) => messageOf(other, sender, i).expected).find(isLong);

  function check(data: readonly unknown[]): StreamCheck {
    const stream = new StreamCheck(plan, 'client');
    for (const each of data) stream.take(each);
    return stream;
  }

  test('in order are fine, and complete at the end', () => {
    const stream = check(messages.slice(0, -1));
    expect([stream.received, stream.isComplete]).toEqual([messages.length - 1, false]);
    stream.take(messages.at(-1));
    expect([stream.received, stream.isComplete, stream.problem]).toEqual([messages.length, true, undefined]);
  });

  test.each<[what: string, data: readonly unknown[], problem: string]>([
    ['a lost one', messages.toSpliced(n, 1), 'too early: lost or overtaken those before'],
    ['one that comes twice', messages.toSpliced(n, 0, messages[n]), '(again)'],
    ['two in the wrong order', messages.toSpliced(n - 1, 2, messages[n], messages[n - 1]), 'too early'],
    ['one of the other side', messages.toSpliced(n, 1, foreign(plan, 'server')), 'not one of this connection'],
    [
      'one of another connection',
      messages.toSpliced(n, 1, foreign({ ...plan, id: 9999 }, 'client')),
      'not one of this connection',
    ],
    ['one more than there are', [...messages, messages[n]], 'awaited nothing more'],
    ['something else', messages.toSpliced(n, 1, 5), 'what nobody sends'],
  ])('%s: noticed', (_what, data, problem) => {
    const stream = check(data);
    expect(stream.problem).toContain(problem);
    expect(stream.problem).toMatch(new RegExp(`^awaited (?:nothing more|<${plan.id} client \\d+>)`));
    // What came before was right, and nothing after it counts.
    expect(stream.received).toBeLessThanOrEqual(messages.length);
  });
});
