import { expect, test } from 'vitest';
import { LIMIT_NAMES, limitsOf, switchOff } from './limits.ts';

test('settings override the default limits', () => {
  expect(limitsOf({})).toMatchObject({ maxFragments: 1024, maxIncompleteBytes: 268_435_456 });
  expect(limitsOf({ maxFragments: 7, maxIncompleteBytes: 9 })).toMatchObject({
    maxFragments: 7,
    maxIncompleteBytes: 9,
  });
});

test('every limit can be switched off, whatever the settings say', () => {
  expect(LIMIT_NAMES).toContain('maxBufferedBytes');
  const off = limitsOf(switchOff({ pingIntervalMs: 1000, compression: true }, LIMIT_NAMES));
  for (const name of LIMIT_NAMES) {
    expect(off[name as keyof typeof off], name).toBe(name === 'maxMessageBytes' ? 536_870_888 : Infinity);
  }
});
