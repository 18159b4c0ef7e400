import { expect, test } from 'vitest';
import { NODE_MAJOR } from '../../src/base/node-version.ts';

test('the major version is the number in front of the first point', () => {
  expect(process.version).toMatch(new RegExp(`^v${NODE_MAJOR}\\.`, 'u'));
});
