import { describe, expect, test } from 'vitest';
import { CATEGORIES, conformanceCases } from './cases/all.ts';

/** The number of cases in each category. */
const COUNTS = { 1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1, 12: 90, 13: 126 };

describe('the conformance cases', () => {
  test('are 517, each with a unique id', () => {
    expect(conformanceCases).toHaveLength(517);
    expect(new Set(conformanceCases.map(({ id }) => id)).size).toBe(517);
  });

  test.each(Object.entries(COUNTS))('category %s has %i cases', (category, count) => {
    expect(CATEGORIES).toHaveProperty(category);
    expect(conformanceCases.filter(({ id }) => id.startsWith(`${category}.`))).toHaveLength(count);
  });

  test('include three informational cases', () => {
    const ids = conformanceCases.filter(({ isInformational }) => isInformational).map(({ id }) => id);
    expect(ids).toEqual(['7.1.6', '7.13.1', '7.13.2']);
  });
});
