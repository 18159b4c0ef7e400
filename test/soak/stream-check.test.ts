import { describe, expect, test } from 'vitest';
import { messageOf } from './message.ts';
import { type ConnectionPlan, planOf, type SideName } from './plan.ts';
import { StreamCheck } from './stream-check.ts';

/** Finds a plan whose client sends many messages of one data type. */
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
  // The index of a message that is long enough to have a mark.
  const n = messages.findIndex(isLong);
  const foreign = (other: ConnectionPlan, sender: SideName): unknown =>
    Array.from({ length: 50 }, (_, i) => messageOf(other, sender, i).expected).find(isLong);

  function check(data: readonly unknown[]): StreamCheck {
    const stream = new StreamCheck(plan, 'client');
    for (const each of data) stream.take(each);
    return stream;
  }

  test('pass in order, and are complete after the last one', () => {
    const stream = check(messages.slice(0, -1));
    expect([stream.received, stream.isComplete]).toEqual([messages.length - 1, false]);
    stream.take(messages.at(-1));
    expect([stream.received, stream.isComplete, stream.problem]).toEqual([messages.length, true, undefined]);
  });

  test.each<[what: string, data: readonly unknown[], problem: string]>([
    ['a lost message', messages.toSpliced(n, 1), 'too early: the messages before it are lost or late'],
    ['a message that comes twice', messages.toSpliced(n, 0, messages[n]), '(again)'],
    ['two messages in the wrong order', messages.toSpliced(n - 1, 2, messages[n], messages[n - 1]), 'too early'],
    ['a message of the other side', messages.toSpliced(n, 1, foreign(plan, 'server')), 'not of this connection'],
    [
      'a message of another connection',
      messages.toSpliced(n, 1, foreign({ ...plan, id: 9999 }, 'client')),
      'not of this connection',
    ],
    ['a message after the last one', [...messages, messages[n]], 'expected nothing more'],
    ['data that is no message', messages.toSpliced(n, 1, 5), 'data that is no message'],
  ])('fail with a problem for %s', (_what, data, problem) => {
    const stream = check(data);
    expect(stream.problem).toContain(problem);
    expect(stream.problem).toMatch(new RegExp(`^expected (?:nothing more|<${plan.id} client \\d+>)`));
    // Only the messages before the first problem count.
    expect(stream.received).toBeLessThanOrEqual(messages.length);
  });
});
