import { describe, expect, test } from 'vitest';
import {
  partialMessageBudget,
  PartialMessageBudget,
  PartialMessageMemory,
} from '../../src/protocol/partial-message-budget.ts';

/** An unfinished message, which a test may let stand still. */
interface FakeMessage {
  readonly memory: PartialMessageMemory;
  staleMs: number;
}

function setUp(): {
  budget: PartialMessageBudget;
  begin: (name: string, staleMs?: number) => FakeMessage;
  told: string[];
} {
  const told: string[] = [];
  return {
    budget: new PartialMessageBudget(1000),
    told,
    begin: (name, staleMs = 0) => {
      const holder = {
        staleMs,
        onBudgetExceeded: (limit: number, observed: number) => void told.push(`${name} ${limit} ${observed}`),
      };
      return Object.assign(holder, { memory: new PartialMessageMemory(holder) });
    },
  };
}

describe('RFC 6455 10.4: the budget for unfinished messages', () => {
  test('adds up the current memory of all messages', () => {
    const { budget, begin, told } = setUp();
    const [one, two] = [begin('one').memory, begin('two').memory];
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

  test('removes the message that has stood still for longest, however old the others are', () => {
    const { budget, begin, told } = setUp();
    const [slow, idle, longIdle] = [begin('slow'), begin('idle', 10), begin('long idle', 11)];
    for (const { memory } of [slow, idle, longIdle]) budget.update(memory, 300);
    expect(budget.update(slow.memory, 600)).toBe(true);
    expect(told).toEqual(['long idle 1000 1200']);
    expect(budget.heldBytes).toBe(900);
    // The message that asks for more memory is the one that stood still.
    idle.staleMs = 20;
    expect(budget.update(idle.memory, 500)).toBe(false);
    expect(told.at(-1)).toBe('idle 1000 1100');
    expect(budget.heldBytes).toBe(600);
  });

  test('removes the youngest message when all come along', () => {
    const { budget, begin, told } = setUp();
    const [one, two] = [begin('one'), begin('two')];
    budget.update(one.memory, 100);
    budget.update(two.memory, 800);
    expect(budget.update(one.memory, 300)).toBe(true);
    expect(told).toEqual(['two 1000 1100']);
    budget.update(two.memory, 100);
    expect(budget.update(begin('three').memory, 700)).toBe(false);
    expect(told.at(-1)).toBe('three 1000 1100');
  });

  test('removes as many messages as necessary', () => {
    const { budget, begin, told } = setUp();
    for (const [i, name] of ['one', 'two', 'three'].entries()) budget.update(begin(name, 3 - i).memory, 300);
    expect(budget.update(begin('four').memory, 900)).toBe(true);
    expect(told).toEqual(['one 1000 1800', 'two 1000 1500', 'three 1000 1200']);
    expect(budget.heldBytes).toBe(900);
  });

  test('removes a message that exceeds the budget alone, and tells its holder', () => {
    const { budget, begin, told } = setUp();
    expect(budget.update(begin('one').memory, 1001)).toBe(false);
    expect(told).toEqual(['one 1000 1001']);
    expect(budget.heldBytes).toBe(0);
  });

  test.each([0, 1, 2])('keeps the order when number %i of three is removed', (gone) => {
    const { budget, begin, told } = setUp();
    const all = ['one', 'two', 'three'].map((name) => begin(name).memory);
    for (const memory of all) budget.update(memory, 100);
    budget.remove(all[gone]!);
    expect(budget.heldBytes).toBe(200);
    const [oldest, youngest] = all.filter((_, i) => i !== gone);
    budget.update(oldest!, 1000);
    budget.update(youngest!, 1000);
    const [first, second] = ['one', 'two', 'three'].filter((_, i) => i !== gone);
    expect(told).toEqual([`${second} 1000 1100`, `${second} 1000 2000`]);
    budget.remove(oldest!);
    budget.update(youngest!, 1001);
    expect(told.at(-1)).toBe(`${second} 1000 1001`);
    expect(first).not.toBe(second);
    expect(budget.heldBytes).toBe(0);
  });

  test('counts a message that is added again as the youngest', () => {
    const { budget, begin, told } = setUp();
    const [one, two] = [begin('one').memory, begin('two').memory];
    budget.update(one, 100);
    budget.update(two, 100);
    budget.remove(one);
    budget.update(one, 100);
    budget.update(two, 950);
    expect(told).toEqual(['one 1000 1050']);
  });

  test('compares 1 024 messages at most, the oldest ones', () => {
    const { budget, begin, told } = setUp();
    const asked = { count: 0 };
    budget.limitBytes = 10_000;
    for (let i = 0; i < 5000; i++) {
      const memory = new PartialMessageMemory({
        get staleMs() {
          asked.count++;
          return 0;
        },
        onBudgetExceeded: () => {},
      });
      budget.update(memory, 2);
    }
    budget.update(begin('last', 1000).memory, 1);
    expect(told).toEqual(['last 10000 10001']);
    expect(asked.count).toBe(1024);
  });

  test('accepts messages of 0 bytes', () => {
    const { budget, begin } = setUp();
    const one = begin('one').memory;
    expect(budget.update(one, 0)).toBe(true);
    expect(budget.update(one, 0)).toBe(true);
    budget.remove(one);
    expect(budget.heldBytes).toBe(0);
  });

  test('is 256 MiB for the whole process by default', () => {
    expect(partialMessageBudget.limitBytes).toBe(268_435_456);
  });
});
