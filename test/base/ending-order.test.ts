import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { EndingOrder } from '../../src/base/ending-order.ts';
import { timers } from '../../src/base/timers.ts';
import { turns } from '../helpers/turns.ts';
import { readGlobalTimers } from '../helpers/test-clock.ts';

readGlobalTimers();

const log: string[] = [];

beforeEach(() => {
  log.length = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
});

function createOrder(awaited: string): { end(ended: string): void } {
  const order = new EndingOrder(awaited);
  return {
    end: (ended) => {
      for (const name of ended) order.add(name, () => log.push(name));
    },
  };
}

async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await turns(3);
}

test('ends of one turn are delivered in order of arrival, in a later turn', async () => {
  const order = createOrder('abc');
  order.end('cab');
  expect(log).toEqual([]);
  await turns(1);
  expect(log).toEqual(['a', 'b', 'c']);
});

test('ends that come in order do not wait for others', async () => {
  const order = createOrder('abc');
  order.end('a');
  await turns(1);
  expect(log).toEqual(['a']);
  order.end('b');
  await turns(1);
  expect(log).toEqual(['a', 'b']);
  expect(timers.pendingTicks).toBe(0);
});

test('an end waits for an earlier one, and both are delivered together', async () => {
  const order = createOrder('abcd');
  order.end('cb');
  await turns();
  expect(log).toEqual([]);
  expect(timers.pendingTicks).toBe(1);
  order.end('a');
  await turns(1);
  expect(log).toEqual(['a', 'b', 'c']);
  expect(timers.pendingTicks).toBe(0);
});

test('an end does not wait for an earlier one that does not come', async () => {
  const order = createOrder('abcd');
  order.end('d');
  order.end('b');
  await pass(49);
  expect(log).toEqual([]);
  await pass(51);
  expect(log).toEqual(['b', 'd']);
  order.end('c');
  await pass(100);
  expect(log).toEqual(['b', 'd', 'c']);
  order.end('a');
  await turns(1);
  expect(log).toEqual(['b', 'd', 'c', 'a']);
  expect(timers.pendingTicks).toBe(0);
});

test('an end waits for earlier ones as long as ends keep coming', async () => {
  const order = createOrder('abcdef');
  for (const name of 'fedcb') {
    order.end(name);
    await pass(40);
  }
  expect(log).toEqual([]);
  order.end('a');
  await turns(1);
  expect(log).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('an end waits for half a second at most', async () => {
  const names = Array.from({ length: 40 }, (_, i) => String.fromCharCode(200 + i)).join('');
  const order = createOrder(`a${names}`);
  let elapsed = 0;
  while (log.length === 0) {
    order.end(names[elapsed / 40]!);
    await pass(40);
    elapsed += 40;
  }
  expect(elapsed).toBeGreaterThan(450);
  expect(elapsed).toBeLessThan(650);
  expect(log).toEqual(names.slice(0, log.length).split(''));
});

test('ends that came while the program was busy are not overtaken', async () => {
  const order = createOrder('ab');
  order.end('b');
  await turns(1);
  // The deadline passes before the other end is read.
  vi.advanceTimersByTime(200);
  order.end('a');
  await turns(2);
  expect(log).toEqual(['a', 'b']);
});

test('a delivered end may add further ends', async () => {
  const order = new EndingOrder('ab');
  order.add('a', () => {
    log.push('a');
    order.add('b', () => log.push('b'));
  });
  await turns(2);
  expect(log).toEqual(['a', 'b']);
});

test('an end that is awaited from later on is delivered behind those that are awaited already', async () => {
  const order = new EndingOrder('a');
  for (const name of 'bc') order.expect(name);
  for (const name of 'cba') order.add(name, () => log.push(name));
  await turns(1);
  expect(log).toEqual(['a', 'b', 'c']);
});

test('an end that is not awaited is delivered at once', async () => {
  const order = createOrder('ab');
  order.end('xb');
  expect(log).toEqual(['x']);
  order.end('a');
  await turns(1);
  expect(log).toEqual(['x', 'a', 'b']);
});

test('deliverAll() delivers the ends that have come, in order, and leaves no deadline', async () => {
  const order = new EndingOrder('abcd');
  for (const name of 'dc') order.add(name, () => log.push(name));
  await turns(2);
  expect(timers.pendingTicks).toBe(1);
  order.deliverAll();
  expect(log).toEqual(['c', 'd']);
  expect(timers.pendingTicks).toBe(0);
  for (const name of 'ba') order.add(name, () => log.push(name));
  await turns(1);
  expect(log).toEqual(['c', 'd', 'a', 'b']);
});
