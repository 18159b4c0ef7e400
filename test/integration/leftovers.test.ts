import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { INVENTORY_OPTIONS } from '../helpers/inventory.ts';
import type { LifeReport } from '../processes/cut-lives.ts';

const NEVER_ADMITTED = [
  'sends nothing',
  'waits for onConnection, which refuses',
  'is refused',
  'is refused with a close code',
  'finds no server',
];

/** The groups of lives, and the lives among them whose connection never opens. */
const GROUPS = {
  'clients over TCP': NEVER_ADMITTED,
  'clients over TLS': NEVER_ADMITTED,
  'clients over Unix sockets': NEVER_ADMITTED,
  'servers that end': [],
  'clients by the answer': ['asks for /silent', 'asks for /refuse', 'asks for /nonsense'],
  'clients by the way': [],
  'clients that connect again': ['connects again to /refuse'],
  'servers and clients with topics': [],
} as const satisfies Record<string, readonly string[]>;

/** Both ends, and all cuts, run in one process. */
const TIMEOUT_MS = 400_000;

describe('whatever was opened is closed, at whichever moment the connection goes', () => {
  let reports: readonly LifeReport[] = [];

  beforeAll(async () => {
    const script = fileURLToPath(new URL('../processes/cut-lives.ts', import.meta.url));
    const child = fork(script, { execArgv: [...INVENTORY_OPTIONS, '--import', 'tsx'] });
    [reports] = (await once(child, 'message')) as [readonly LifeReport[]];
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  }, TIMEOUT_MS);

  test.each(Object.keys(GROUPS))('%s leave nothing behind', (group) => {
    const report = reports.find((each) => each.group === group);
    expect(report?.problems).toEqual([]);
  });

  test('the cuts come before and after a connection opens', () => {
    expect(reports.map(({ group }) => group)).toEqual(Object.keys(GROUPS));
    for (const { group, counts } of reports) {
      const neverOpen: readonly string[] = GROUPS[group as keyof typeof GROUPS];
      for (const [life, { cuts, opened }] of Object.entries(counts)) {
        const isClosed = neverOpen.some((name) => life === `a client that ${name}`);
        expect(opened, `${group}: ${life}`).toBeLessThan(cuts);
        if (isClosed) expect(opened, `${group}: ${life}`).toBe(0);
        else expect(opened, `${group}: ${life}`).toBeGreaterThan(cuts / 10);
      }
    }
  });
});
