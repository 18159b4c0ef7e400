import { describe, expect, test } from 'vitest';
import { unsentBudget, UnsentBudget, type UnsentHolder } from '../../src/connection/unsent-budget.ts';

/** A connection that holds as many bytes as a test says, and how often it was asked. */
class FakeHolder implements UnsentHolder {
  readonly name: string;
  readonly told: string[];
  held = 0;
  asked = 0;

  constructor(name: string, told: string[]) {
    this.name = name;
    this.told = told;
  }

  get bufferedBytes(): number {
    this.asked++;
    return this.held;
  }

  onUnsentBudgetExceeded(limitBytes: number, observedBytes: number): void {
    this.told.push(`${this.name} ${limitBytes} ${observedBytes}`);
    this.held = 0;
  }
}

function setUp(limitBytes = 1000) {
  const told: string[] = [];
  const budget = new UnsentBudget(limitBytes);
  const [one, two, three] = ['one', 'two', 'three'].map((name) => new FakeHolder(name, told)) as [
    FakeHolder,
    FakeHolder,
    FakeHolder,
  ];
  const hold = (holder: FakeHolder, bytes: number): void => {
    holder.held = bytes;
    budget.update(holder, bytes);
  };
  return { told, budget, one, two, three, hold };
}

describe('the budget for bytes that wait to be sent', () => {
  test('adds up what connections hold, until they hold nothing', () => {
    const { told, budget, one, two, hold } = setUp();
    hold(one, 300);
    hold(one, 600);
    hold(two, 400);
    expect(budget.totalBytes).toBe(1000);
    budget.remove(one);
    budget.remove(one);
    expect(budget.totalBytes).toBe(400);
    budget.remove(two);
    expect(budget.totalBytes).toBe(0);
    expect(told).toEqual([]);
  });

  test('ends the connection that holds most, whichever sends', () => {
    const { told, budget, one, two, three, hold } = setUp();
    hold(one, 300);
    hold(two, 600);
    hold(three, 200);
    expect(told).toEqual(['two 1000 1100']);
    expect(budget.totalBytes).toBe(500);
    hold(one, 900);
    expect(told).toEqual(['two 1000 1100', 'one 1000 1100']);
    expect(budget.totalBytes).toBe(200);
  });

  test('ends as many connections as necessary', () => {
    const { told, budget, one, two, three, hold } = setUp(2000);
    hold(one, 600);
    hold(two, 700);
    hold(three, 500);
    budget.limitBytes = 500;
    hold(three, 510);
    expect(told).toEqual(['two 500 1810', 'one 500 1110', 'three 500 510']);
  });

  test('knows what has been sent in the meantime', () => {
    const { told, budget, one, two, hold } = setUp();
    hold(one, 900);
    one.held = 10;
    hold(two, 500);
    expect(told).toEqual([]);
    expect(budget.totalBytes).toBe(510);
  });

  test('counts all connections again only when a 64th of the budget has been added', () => {
    const { told, one, two, hold } = setUp(6400);
    hold(one, 6000);
    one.held = 5990;
    hold(two, 405);
    expect([one.asked, told]).toEqual([1, []]);
    for (let bytes = 406; bytes < 505; bytes++) hold(two, bytes);
    expect([one.asked, told]).toEqual([1, []]);
    hold(two, 505);
    expect([one.asked, told]).toEqual([2, ['one 6400 6495']]);
  });

  test('is 512 MiB for the whole process by default', () => {
    expect(unsentBudget.limitBytes).toBe(536_870_912);
  });
});
