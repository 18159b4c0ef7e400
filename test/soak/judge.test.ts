import { describe, expect, test } from 'vitest';
import { judgeConnection } from './judge.ts';
import { judgeMemory } from './memory.ts';
import type { ConnectionPlan, EndingKind, SideName } from './plan.ts';
import type { Memory } from './process-report.ts';
import type { SideRecord } from './talker.ts';

const SIDE = { messages: 10, cut: 5, burst: 2, listening: 'at once' } as const;

function plan(ending: EndingKind, ender: SideName = 'client'): ConnectionPlan {
  return { seed: 1, id: 7, dataType: 'text', compression: false, ending, ender, client: SIDE, server: SIDE };
}

function record(side: SideName, changes: Partial<SideRecord> = {}): SideRecord {
  const nothing = { id: 7, side, receivedLength: 0, waits: 0, problem: undefined, error: undefined };
  return { ...nothing, sent: 10, received: 10, code: 4000, wasClean: true, ...changes };
}

const lost = { code: 1006, wasClean: false, error: 'ERR_CONNECTION_LOST: …' };

describe('a connection is fine', () => {
  test.each<[what: string, plan: ConnectionPlan, client: SideRecord, server: SideRecord]>([
    ['when both sides got all messages', plan('agreed'), record('client'), record('server')],
    [
      'when one side closed early, and the other got all that it had sent',
      plan('early', 'server'),
      record('client', { sent: 9, received: 5, code: 4001 }),
      record('server', { sent: 5, received: 3, code: 4001 }),
    ],
    [
      'when both sides closed early, and messages are lost',
      plan('both'),
      record('client', { sent: 5, received: 1, code: 4003 }),
      record('server', { sent: 5, received: 2, code: 4002 }),
    ],
    [
      'when it was reset, and messages are lost',
      plan('reset'),
      record('client', { sent: 5, received: 1, ...lost }),
      record('server', { sent: 5, received: 2, ...lost }),
    ],
  ])('%s', (_, which, client, server) => {
    expect(judgeConnection(which, { client, server })).toEqual([]);
  });
});

describe('a connection is not fine', () => {
  test.each<[what: string, plan: ConnectionPlan, client: Partial<SideRecord>, server: Partial<SideRecord>, RegExp]>([
    ['lost a message', plan('agreed'), {}, { received: 9 }, /^the server lost 1 messages: 9 came of 10$/],
    [
      'lost a message before an early close',
      plan('early'),
      { sent: 5, code: 4001 },
      { received: 4, code: 4001 },
      /^the server lost 1 messages/,
    ],
    [
      'got more than was sent',
      plan('reset'),
      lost,
      { ...lost, sent: 3, received: 11 },
      /^the client got 10 messages of 3/,
    ],
    [
      'did not send all messages',
      plan('agreed'),
      { sent: 9 },
      { received: 9 },
      /^the server was sent 9 messages, fewer than planned$/,
    ],
    [
      'got a wrong message',
      plan('agreed'),
      {},
      { problem: 'expected <7 client 3>, got …' },
      /^the server expected <7 client 3>/,
    ],
    [
      'ended with another code',
      plan('agreed'),
      { code: 1011 },
      {},
      /^the client ended with 1011, clean, no error: expected 4000$/,
    ],
    ['ended not clean', plan('agreed'), { wasClean: false }, {}, /not clean/],
    [
      'had an error',
      plan('early'),
      { sent: 5, code: 4001, error: 'ERR_HEARTBEAT: …' },
      { received: 5, code: 4001 },
      /ERR_HEARTBEAT/,
    ],
    [
      'had no error although it was reset',
      plan('reset'),
      lost,
      { code: 1006, wasClean: false },
      /no error: expected 1006/,
    ],
  ])('when it %s', (_, which, client, server, problem) => {
    const problems = judgeConnection(which, { client: record('client', client), server: record('server', server) });
    expect(problems.filter((each) => problem.test(each))).toHaveLength(1);
  });
});

const memory = (usedBytes: number): Memory => ({ usedBytes, rssBytes: 0 });

test('memory may grow by at most a tenth and 8 MB', () => {
  expect(judgeMemory(memory(100e6), memory(117.9e6))).toBeUndefined();
  expect(judgeMemory(memory(100e6), memory(118.1e6))).toBe('memory grew from 100.0 MB to 118.1 MB (at most 118.0 MB)');
});
