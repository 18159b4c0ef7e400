import { describe, expect, test } from 'vitest';
import { attacks } from '../attacks/all.ts';
import { parseCommandLine, USAGE } from './command-line.ts';

describe('the command line of npm run abuse', () => {
  test('defaults to every attack against a server with all limits', () => {
    expect(parseCommandLine([])).toEqual({
      attacks,
      without: [],
      pressMs: 3000,
      honestClients: 100,
      needsHelp: false,
    });
    expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length);
  });

  test('takes attacks by name, the time, the number of clients, limits to switch off and a fault', () => {
    const args = ['--only', 'resets', '--only', 'garbage', '--seconds', '0.5', '--clients', '7'];
    const parsed = parseCommandLine([...args, '--without', 'maxFragments', '--fault', 'timer']);
    expect(parsed).toMatchObject({ pressMs: 500, honestClients: 7, without: ['maxFragments'], fault: 'timer' });
    expect(parsed.attacks.map(({ name }) => name)).toEqual(['resets', 'garbage']);
  });

  test.each([
    [['--only', 'nothing'], '--only must be one of slow-handshake, '],
    [['--without', 'path'], '--without must be one of closeTimeoutMs, '],
    [['--fault', 'luck'], '--fault must be one of buffer, '],
    [['--seconds', '0'], '--seconds must be a number from 0.1 to 30'],
    [['--seconds', 'ten'], '--seconds must be a number from 0.1 to 30'],
    [['--clients', '1.5'], '--clients must be a whole number from 1 to 1000'],
    [['--slow'], '--slow'],
  ])('%j is refused', (args, problem) => {
    expect(() => parseCommandLine(args)).toThrow(problem);
  });

  test('the help names every attack and limit', () => {
    for (const { name } of attacks) expect(USAGE).toContain(name);
    expect(USAGE).toContain('maxIncompleteBytes');
  });
});
