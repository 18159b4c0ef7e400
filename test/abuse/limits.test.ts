import { expect, test } from 'vitest';
import { LIMIT_NAMES, limitsOf, switchOff, switchOffWeb } from './limits.ts';

test('settings override the default limits', () => {
  expect(limitsOf({})).toMatchObject({ maxFragments: 1024, maxIncompleteBytes: 268_435_456 });
  expect(limitsOf({ maxFragments: 7, maxIncompleteBytes: 9 })).toMatchObject({
    maxFragments: 7,
    maxIncompleteBytes: 9,
  });
});

test('limits of the web server are told from those of a WebSocket server', () => {
  expect(switchOff({ maxConnections: 5 }, ['web.maxConnections'])).toEqual({ maxConnections: 5 });
  expect(switchOffWeb({ maxConnections: 5 }, ['maxConnections'])).toEqual({ maxConnections: 5 });
});

test('every limit can be switched off, whatever the settings say', () => {
  expect(LIMIT_NAMES).toContain('maxBufferedBytes');
  const off = limitsOf(switchOff({ pingIntervalMs: 1000, compression: true }, LIMIT_NAMES));
  for (const name of LIMIT_NAMES.filter((each) => !each.startsWith('web.'))) {
    expect(off[name as keyof typeof off], name).toBe(name === 'maxMessageBytes' ? 536_870_888 : Infinity);
  }
  expect(switchOffWeb({ responseStallMs: 5 }, LIMIT_NAMES)).toEqual({
    requestTimeoutMs: Infinity,
    responseStallMs: Infinity,
    maxConnections: Infinity,
    maxConnectionsPerAddress: Infinity,
  });
});
