import { describe, expect, test } from 'vitest';
import { parseCommandLine } from './command-line.ts';

describe('the command line of npm run soak', () => {
  test('defaults to 2000 connections for two minutes and a random seed', () => {
    expect(parseCommandLine([])).toEqual({
      seconds: 120,
      connections: 2000,
      seed: expect.any(Number) as number,
      fault: undefined,
      needsHelp: false,
      mode: 'connections',
      minutes: 3,
      mistakes: [],
    });
  });

  test('takes every option', () => {
    expect(
      parseCommandLine(
        '--seconds 5 --connections 7 --seed 0 --fault timer --help --cluster --minutes 9 --mistake x --mistake y'.split(
          ' ',
        ),
      ),
    ).toEqual({
      seconds: 5,
      connections: 7,
      seed: 0,
      fault: 'timer',
      needsHelp: true,
      mode: 'cluster',
      minutes: 9,
      mistakes: ['x', 'y'],
    });
    expect(parseCommandLine(['--peers']).mode).toBe('peers');
  });

  test.each([
    [['--seconds', '0'], '--seconds must be a whole number from 1 to 86400'],
    [['--connections', 'many'], '--connections must be a whole number from 1 to 20000'],
    [['--seed', '-1'], '--seed'],
    [['--fault', 'luck'], '--fault must be one of buffer, text'],
    [['--speed', '1'], '--speed'],
  ])('%j is refused', (args, problem) => {
    expect(() => parseCommandLine(args)).toThrow(problem);
  });
});
