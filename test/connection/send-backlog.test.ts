import { expect, test } from 'vitest';
import { SendBacklog } from '../../src/connection/send-backlog.ts';

function hold(...messages: readonly (readonly [data: string, isDroppable: boolean])[]): SendBacklog {
  const held = new SendBacklog();
  for (const [data, isDroppable] of messages) {
    held.push({ data, compress: undefined, bytes: data.length }, isDroppable);
  }
  return held;
}

function takeAll(held: SendBacklog): unknown[] {
  const taken: unknown[] = [];
  for (let message = held.shift(); message !== undefined; message = held.shift()) taken.push(message.data);
  return taken;
}

test('messages come out in order, and their size is known', () => {
  const held = hold(['a', false], ['bcd', true], ['ef', false]);
  expect(held.bytes).toBe(6);
  expect(held.shift()?.data).toBe('a');
  expect(held.bytes).toBe(5);
  expect(takeAll(held)).toEqual(['bcd', 'ef']);
  expect(held.bytes).toBe(0);
});

test('the oldest message that may be dropped is dropped first, the others stay in order', () => {
  const held = hold(['kept 1', false], ['old', true], ['kept 2', false], ['new', true]);
  expect(held.dropOldest()).toBe(true);
  expect(held.bytes).toBe(15);
  expect(takeAll(held)).toEqual(['kept 1', 'kept 2', 'new']);
});

test('nothing is dropped when nothing may be, or all of it has been', () => {
  const held = hold(['kept', false], ['old', true]);
  expect([held.dropOldest(), held.dropOldest()]).toEqual([true, false]);
  expect(takeAll(held)).toEqual(['kept']);
});

test('a message that has been taken is not dropped any more', () => {
  const held = hold(['old', true], ['kept', false]);
  expect(held.shift()?.data).toBe('old');
  expect(held.dropOldest()).toBe(false);
  expect(held.bytes).toBe(4);
});
