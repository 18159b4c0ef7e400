import { describe, expect, test } from 'vitest';
import { Queue } from '../../src/base/queue.ts';

function shiftAll<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

describe('a queue', () => {
  test('is first in, first out', () => {
    const queue = new Queue<number>();
    queue.push(1);
    queue.push(2);
    const first = queue.shift();
    queue.push(3);
    expect([first, ...shiftAll(queue)]).toEqual([1, 2, 3]);
    expect(queue.shift()).toBeUndefined();
  });

  test('reports its length after push, unshift and shift', () => {
    const queue = new Queue<number>();
    expect(queue.length).toBe(0);
    queue.push(1);
    queue.push(2);
    queue.unshift(0);
    expect(queue.length).toBe(3);
    queue.shift();
    queue.shift();
    queue.push(3);
    expect(queue.length).toBe(2);
    shiftAll(queue);
    expect(queue.length).toBe(0);
  });

  test('takes items again after it was empty', () => {
    const queue = new Queue<number>();
    queue.push(1);
    shiftAll(queue);
    queue.push(2);
    queue.push(3);
    expect(shiftAll(queue)).toEqual([2, 3]);
  });

  test('shows its first item', () => {
    const queue = new Queue<number>();
    expect(queue.first).toBeUndefined();
    queue.push(1);
    queue.push(2);
    expect(queue.first).toBe(1);
    queue.unshift(0);
    expect(queue.first).toBe(0);
    queue.shift();
    queue.shift();
    expect(queue.first).toBe(2);
    expect(queue.length).toBe(1);
  });

  test('puts an unshifted item in front of all others', () => {
    const queue = new Queue<number>();
    queue.unshift(1);
    queue.push(2);
    queue.push(3);
    queue.unshift(queue.shift()! * 10);
    queue.unshift(0);
    expect(shiftAll(queue)).toEqual([0, 10, 2, 3]);
  });
});
