import { expect, test } from 'vitest';
import { allLaws } from './all-laws.ts';
import { parseCommandLine } from './command-line.ts';

test('the command line without arguments takes a minute and a random seed', () => {
  const { seconds, seed, only, saves, replay } = parseCommandLine([]);
  expect({ seconds, only, saves, replay }).toEqual({ seconds: 60, only: [], saves: false, replay: undefined });
  expect(Number.isInteger(seed)).toBe(true);
});

test('the command line is parsed to options', () => {
  const line = parseCommandLine([
    '--seconds=5',
    '--seed=-7',
    '--path=1:2',
    '--only=a',
    '--only=b',
    '--save',
    '--replay=server plain 8180',
  ]);
  expect(line).toMatchObject({ seconds: 5, seed: -7, path: '1:2', only: ['a', 'b'], saves: true });
  expect(line.replay).toEqual({ role: 'server', deflates: false, bytes: Buffer.from('8180', 'hex') });
});

test.each([['--seconds=0'], ['--seconds=x'], ['--seed='], ['--replay=x'], ['--nonsense']])(
  'the command line refuses %s',
  (argument) => {
    expect(() => parseCommandLine([argument])).toThrow();
  },
);

test('each law has a unique name', () => {
  const names = allLaws.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(30);
  expect(new Set(names).size).toBe(names.length);
});
