import { expect, test } from 'vitest';
import { slowReader } from '../attacks/slow-reader.ts';
import { TABLE_HEAD, toLegend, toTableRow } from './table.ts';

test('a row shows the height that is closest to its bound', () => {
  const latency = { count: 5, p50Ms: 0.44, p99Ms: 12.06 };
  const row = toTableRow(
    { name: 'resets' },
    {
      heights: [
        { peers: 1000, heldBytes: 1000 * 1_048_576, openFiles: 0, bound: { bytes: 8 * 1_048_576, formula: '' } },
        { peers: 400, heldBytes: 400 * 80 * 1024, openFiles: 0, bound: { bytes: 65_536, formula: '' } },
      ],
      hostile: { peers: 500, mostSockets: 400, endings: { reset: 100, '1008': 400 } },
      honest: {
        sent: 70,
        answered: 69,
        lost: 1,
        doubled: 0,
        changed: 0,
        broken: [],
        latencies: { before: latency, during: { ...latency, p99Ms: 99 } },
      },
      left: { connections: 0, sockets: 0, descriptors: 0, lateServers: 0 },
      kept: [],
    },
    ['a problem'],
  );
  expect(row).toBe(
    '| resets | 500 | 400 | 80 KiB | 64 KiB | 195 KiB | 0.4 → 0.4 | 12.1 → 99.0 | 1 of 70 | ' +
      '1008: 400, reset: 100 | FAILED |',
  );
  expect(TABLE_HEAD.split('\n')[0]!.split('|')).toHaveLength(row.split('|').length);
});

test('the legend names the settings that are not the default', () => {
  expect(toLegend(slowReader)).toBe(
    'slow-reader: they have messages echoed and read nothing. ' +
      'Bound: connection + maxBufferedBytes + 2 messages of 64 KiB. Set: closeTimeoutMs 4000',
  );
});
