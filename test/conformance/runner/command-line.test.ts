import { describe, expect, test } from 'vitest';
import { isSelected, parseCommandLine } from './command-line.ts';

describe('the command line of npm run conformance', () => {
  test('selects both sides of the library in full by default', () => {
    expect(parseCommandLine([])).toEqual({
      url: undefined,
      peers: ['server', 'client'],
      only: [],
      messages: 1000,
      timeoutMs: 60_000,
      quietMs: 100,
      promptMs: 500,
      isQuick: false,
      needsHelp: false,
    });
  });

  test('accepts the URL of a server', () => {
    expect(parseCommandLine(['--url', 'ws://127.0.0.1:9001', '--only', '6.4', '--quick']).url?.port).toBe('9001');
  });

  test.each([
    [['--url', 'http://127.0.0.1'], '--url must begin with ws: or wss:'],
    [['--peer', 'other'], '--peer must be one of server, client, ws'],
    [['--messages', '0'], '--messages must be a whole number, 1 or more'],
    [['--timeout', 'soon'], '--timeout must be a whole number, 1 or more'],
  ])('refuses %j', (args, problem) => {
    expect(() => parseCommandLine(args)).toThrow(problem);
  });

  test.each([
    ['1.1.1', ['1'], true],
    ['12.1.1', ['1'], false],
    ['6.4.1', ['6.4', '7'], true],
    ['6.4.1', ['6.4.1'], true],
    ['6.4.10', ['6.4.1'], false],
    ['9.1.1', [], true],
  ])('selects %s for --only %j: %j', (id, only, expected) => {
    expect(isSelected(id, only)).toBe(expected);
  });
});
