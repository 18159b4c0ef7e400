import { afterEach, describe, expect, test } from 'vitest';
import { setGlobalLimits } from '../../src/session/global-limits.ts';
import { FourDError } from '../../src/errors.ts';
import { unsentBudget } from '../../src/connection/unsent-budget.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';

afterEach(() => setGlobalLimits({}));

describe('setGlobalLimits', () => {
  test('sets the budget for unfinished messages, or its default when it is left out', () => {
    setGlobalLimits({ maxIncompleteBytes: 1_000_000 });
    expect(partialMessageBudget.limitBytes).toBe(1_000_000);
    setGlobalLimits({ maxIncompleteBytes: Infinity });
    expect(partialMessageBudget.limitBytes).toBe(Infinity);
    setGlobalLimits({});
    expect(partialMessageBudget.limitBytes).toBe(268_435_456);
  });

  test('sets the budget for bytes that wait to be sent, or its default when it is left out', () => {
    setGlobalLimits({ maxBufferedBytes: 1_000_000 });
    expect([unsentBudget.limitBytes, partialMessageBudget.limitBytes]).toEqual([1_000_000, 268_435_456]);
    setGlobalLimits({ maxBufferedBytes: Infinity });
    expect(unsentBudget.limitBytes).toBe(Infinity);
    setGlobalLimits({ maxIncompleteBytes: 5 });
    expect(unsentBudget.limitBytes).toBe(536_870_912);
  });

  test.each([
    [null],
    [{ maxIncompleteBytes: 0 }],
    [{ maxIncompleteBytes: '5' }],
    [{ maxBufferedBytes: -1 }],
    [{ maxIncompleteBytes: 7, maxBufferedBytes: NaN }],
    [{ maxBytes: 5 }],
  ])('refuses %j and changes nothing', (limits) => {
    expect(() => setGlobalLimits(limits as never)).toThrow(FourDError);
    expect(() => setGlobalLimits(limits as never)).toThrow(/^invalid option: /);
    expect([partialMessageBudget.limitBytes, unsentBudget.limitBytes]).toEqual([268_435_456, 536_870_912]);
  });
});
