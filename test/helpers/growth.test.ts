import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LeakReport } from '../processes/leaking-process.ts';
import { findGrowth } from './growth.ts';
import { INVENTORY_OPTIONS, type Inventory } from './inventory.ts';
import { FAULT_NAMES } from './planted-faults.ts';

const NOTHING: Inventory = {
  objects: 10_000,
  entries: 200,
  heapBytes: 10_000_000,
  externalBytes: 3_000_000,
  descriptors: 30,
  resources: 3,
  deadlineTicks: 0,
  partialMessageBytes: 0,
  takenPlaces: 0,
  warnings: 0,
};

const series = (objects: readonly number[]): Inventory[] => objects.map((count) => ({ ...NOTHING, objects: count }));

describe('growth', () => {
  test('is none when the figures stay, fall, or rise only once', () => {
    expect(findGrowth(series([100, 100, 100, 100]), 200)).toEqual([]);
    expect(findGrowth(series([900, 800, 200, 100]), 200)).toEqual([]);
    expect(findGrowth(series([100, 900, 900, 900]), 200)).toEqual([]);
    expect(findGrowth(series([100, 100, 100, 900]), 200)).toEqual([]);
  });

  test('is none when a figure goes up and down', () => {
    expect(findGrowth(series([100, 180, 90, 190]), 200)).toEqual([]);
  });

  test('is told with the limit and the figures', () => {
    expect(findGrowth(series([100, 300, 490, 700]), 200)).toEqual([
      'objects grow by 200 a round (at most 20 for 200 connections): 100, 300, 490, 700',
    ]);
  });

  test('is told when only one connection of nine leaves something behind', () => {
    expect(findGrowth(series([100, 122, 145, 166]), 200)).toHaveLength(1);
  });
});

test.each(['deadlineTicks', 'partialMessageBytes', 'takenPlaces', 'warnings'] as const)(
  '%s that are left are told without a comparison',
  (name) => {
    expect(findGrowth([NOTHING, { ...NOTHING, [name]: 1 }], 200)).toEqual([expect.stringMatching(/^1 /)]);
  },
);

/** A part of the sentence that each fault must lead to. */
const EXPECTED: Readonly<Record<(typeof FAULT_NAMES)[number], string>> = {
  buffer: 'bytes outside of the heap grow by',
  text: 'bytes in the heap grow by',
  closure: 'objects grow by',
  address: 'entries of Maps and Sets grow by',
  timer: 'resources that keep the process alive grow by',
  'unreferenced timer': 'objects grow by',
  deadline: 'ticks with deadlines are left',
  listener: 'warnings came from the process',
  descriptor: 'open files and sockets grow by',
  'partial message': 'bytes of unfinished messages are left',
  place: 'places in the thread pool for compression are not given back',
};

describe('inventories of a process', () => {
  let report: LeakReport = {};

  beforeAll(async () => {
    const script = fileURLToPath(new URL('../processes/leaking-process.ts', import.meta.url));
    const child = fork(script, { execArgv: [...INVENTORY_OPTIONS, '--import', 'tsx'], silent: true });
    [report] = (await once(child, 'message')) as [LeakReport];
    await once(child, 'exit');
  }, 180_000);

  test('show no growth when nothing is kept', () => {
    expect(report['none']).toEqual([]);
  });

  test.each(FAULT_NAMES)('show a planted fault: %s', (name) => {
    if (name === 'descriptor' && !existsSync('/proc/self/fd')) return;
    expect(report[name]).toContainEqual(expect.stringContaining(EXPECTED[name]));
  });
});
