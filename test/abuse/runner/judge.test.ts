import { describe, expect, test } from 'vitest';
import { allowedBytes } from '../bounds.ts';
import { judge } from './judge.ts';
import type { Outcome } from './outcome.ts';

const ATTACK = { endings: ['1008'], otherEndings: ['reset'] };

const GOOD: Outcome = {
  heights: [
    { peers: 10, heldBytes: allowedBytes(10, 1000), openFiles: 10, bound: { bytes: 1000, formula: 'a thousand' } },
  ],
  hostile: { peers: 10, mostSockets: 10, endings: { '1008': 9, reset: 1 } },
  honest: {
    sent: 100,
    answered: 100,
    lost: 0,
    doubled: 0,
    changed: 0,
    broken: [],
    latencies: { before: { count: 50, p50Ms: 1, p99Ms: 2 }, during: { count: 50, p50Ms: 1, p99Ms: 2 } },
  },
  left: { connections: 0, sockets: 0, descriptors: 0, lateServers: 0 },
  kept: [],
};

describe('the verdict on an attack', () => {
  test('is good when everything is as documented', () => {
    expect(judge(ATTACK, GOOD)).toEqual([]);
  });

  test.each([
    ['lost', '3 of 100 honest messages were lost'],
    ['doubled', '3 answers to honest clients came twice'],
    ['changed', '3 answers to honest clients were changed'],
  ])('is bad when honest messages were %s', (name, problem) => {
    expect(judge(ATTACK, { ...GOOD, honest: { ...GOOD.honest, [name]: 3 } })).toEqual([problem]);
  });

  test('is bad when an honest connection ended, or no honest message was sent during the attack', () => {
    const { honest } = GOOD;
    expect(judge(ATTACK, { ...GOOD, honest: { ...honest, broken: ['TCP ended', 'other'] } })).toEqual([
      '2 honest connections ended, the first one: TCP ended',
    ]);
    expect(judge(ATTACK, { ...GOOD, honest: { ...honest, latencies: {} } })).toEqual([
      'no honest message was sent during the attack',
    ]);
  });

  test('is bad when the server held one byte too many at any height', () => {
    const [height] = GOOD.heights;
    const higher = { ...height!, heldBytes: height!.heldBytes + 1 };
    expect(judge(ATTACK, { ...GOOD, heights: [...GOOD.heights, higher] })).toEqual([
      'the server held 50342899 bytes for 10 hostile peers, but 50342898 are allowed (1000 each: a thousand)',
    ]);
  });

  test('is bad when the server had more files open than peers', () => {
    const [height] = GOOD.heights;
    expect(judge(ATTACK, { ...GOOD, heights: [{ ...height!, openFiles: 11 }] })).toEqual([
      'the server had 11 files open for 10 hostile peers',
    ]);
  });

  test('is bad when a documented ending is missing, or another one was seen', () => {
    const endings = { reset: 9, '1011': 1 };
    expect(judge(ATTACK, { ...GOOD, hostile: { ...GOOD.hostile, endings } })).toEqual([
      'no hostile peer ended with 1008',
      '1 hostile peers ended with 1011, which is not documented',
    ]);
  });

  test('is bad when descriptors are left open, or a server was not over in its time', () => {
    expect(judge(ATTACK, { ...GOOD, left: { ...GOOD.left, descriptors: 3, lateServers: 1 } })).toEqual([
      '3 descriptors were left open at the server',
      '1 servers were not over in their time',
    ]);
  });

  test('is bad when connections are left at the server', () => {
    expect(judge(ATTACK, { ...GOOD, left: { ...GOOD.left, connections: 1, sockets: 2, descriptors: 2 } })).toEqual([
      '1 connections and 2 sockets were left at the server',
    ]);
  });

  test('is bad when the server keeps something of peers that have gone', () => {
    expect(judge(ATTACK, { ...GOOD, kept: ['3 warnings came from the process'] })).toEqual([
      'after all peers have gone: 3 warnings came from the process',
    ]);
  });
});
