import { describe, expect, test } from 'vitest';
import { Queue } from '../../src/base/queue.ts';

function drain<T>(queue: Queue<T>): T[] {
  const items: T[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

describe('a queue', () => {
  test('gives what came first first', () => {
    const queue = new Queue<number>();
    queue.push(1);
    queue.push(2);
    const first = queue.shift();
    queue.push(3);
    expect([first, ...drain(queue)]).toEqual([1, 2, 3]);
    expect(queue.shift()).toBeUndefined();
  });

  test('knows how long it is, wherever its items are', () => {
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
    drain(queue);
    expect(queue.length).toBe(0);
  });

  test('can be used again after it was empty', () => {
    const queue = new Queue<number>();
    queue.push(1);
    drain(queue);
    queue.push(2);
    queue.push(3);
    expect(drain(queue)).toEqual([2, 3]);
  });

  test('takes an item back to the front', () => {
    const queue = new Queue<number>();
    queue.unshift(1);
    queue.push(2);
    queue.push(3);
    queue.unshift(queue.shift()! * 10);
    queue.unshift(0);
    expect(drain(queue)).toEqual([0, 10, 2, 3]);
  });
});
