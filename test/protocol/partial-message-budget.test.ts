import { describe, expect, test } from 'vitest';
import {
  partialMessageBudget,
  PartialMessageBudget,
  PartialMessageMemory,
} from '../../src/protocol/partial-message-budget.ts';

function setUp(): { budget: PartialMessageBudget; holder: (name: string) => PartialMessageMemory; told: string[] } {
  const told: string[] = [];
  return {
    budget: new PartialMessageBudget(1000),
    told,
    holder: (name) =>
      new PartialMessageMemory({ onBudgetExceeded: (limit, observed) => told.push(`${name} ${limit} ${observed}`) }),
  };
}

describe('RFC 6455 10.4: the budget for unfinished messages', () => {
  test('adds up the current memory of all messages', () => {
    const { budget, holder, told } = setUp();
    const [one, two] = [holder('one'), holder('two')];
    expect(budget.update(one, 300)).toBe(true);
    expect(budget.update(one, 600)).toBe(true);
    expect(budget.update(two, 400)).toBe(true);
    expect(budget.heldBytes).toBe(1000);
    budget.remove(one);
    budget.remove(one);
    expect(budget.heldBytes).toBe(400);
    budget.remove(two);
    expect(budget.heldBytes).toBe(0);
    expect(told).toEqual([]);
  });

  test('removes the oldest message when another one exceeds the budget', () => {
    const { budget, holder, told } = setUp();
    const [one, two, three] = [holder('one'), holder('two'), holder('three')];
    budget.update(one, 100);
    budget.update(two, 800);
    // More memory does not make a message younger.
    budget.update(one, 150);
    expect(budget.update(three, 200)).toBe(true);
    expect(told).toEqual(['one 1000 1150']);
    expect(budget.heldBytes).toBe(1000);
  });

  test('removes as many messages as necessary', () => {
    const { budget, holder, told } = setUp();
    for (const name of ['one', 'two', 'three']) budget.update(holder(name), 300);
    expect(budget.update(holder('four'), 900)).toBe(true);
    expect(told).toEqual(['one 1000 1800', 'two 1000 1500', 'three 1000 1200']);
    expect(budget.heldBytes).toBe(900);
  });

  test('removes a message that exceeds the budget alone, and tells its holder', () => {
    const { budget, holder, told } = setUp();
    expect(budget.update(holder('one'), 1001)).toBe(false);
    expect(told).toEqual(['one 1000 1001']);
    expect(budget.heldBytes).toBe(0);
  });

  test.each([0, 1, 2])('keeps the order when number %i of three is removed', (gone) => {
    const { budget, holder, told } = setUp();
    const all = ['one', 'two', 'three'].map(holder);
    for (const memory of all) budget.update(memory, 100);
    budget.remove(all[gone]!);
    expect(budget.heldBytes).toBe(200);
    budget.update(holder('four'), 1000);
    const left = ['one', 'two', 'three'].filter((_, i) => i !== gone);
    expect(told).toEqual(left.map((name, i) => `${name} 1000 ${1200 - i * 100}`));
    expect(budget.heldBytes).toBe(1000);
  });

  test('counts a message that is added again as the youngest', () => {
    const { budget, holder, told } = setUp();
    const [one, two] = [holder('one'), holder('two')];
    budget.update(one, 100);
    budget.update(two, 100);
    budget.remove(one);
    budget.update(one, 100);
    budget.update(holder('three'), 900);
    expect(told).toEqual(['two 1000 1100']);
  });

  test('accepts messages of 0 bytes', () => {
    const { budget, holder } = setUp();
    const one = holder('one');
    expect(budget.update(one, 0)).toBe(true);
    expect(budget.update(one, 0)).toBe(true);
    budget.remove(one);
    expect(budget.heldBytes).toBe(0);
  });

  test('is 256 MiB for the whole process by default', () => {
    expect(partialMessageBudget.limitBytes).toBe(268_435_456);
  });
});
