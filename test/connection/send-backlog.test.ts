import { expect, test } from 'vitest';
import { SendBacklog } from '../../src/connection/send-backlog.ts';

function backlogOf(...messages: readonly (readonly [data: string, isDroppable: boolean])[]): SendBacklog {
  const backlog = new SendBacklog();
  for (const [data, isDroppable] of messages) {
    backlog.push({ data, compress: undefined, bytes: data.length }, isDroppable);
  }
  return backlog;
}

function takeAll(backlog: SendBacklog): unknown[] {
  const taken: unknown[] = [];
  for (let message = backlog.shift(); message !== undefined; message = backlog.shift()) taken.push(message.data);
  return taken;
}

test('returns messages in order and counts their bytes', () => {
  const backlog = backlogOf(['a', false], ['bcd', true], ['ef', false]);
  expect(backlog.bytes).toBe(6);
  expect(backlog.shift()?.data).toBe('a');
  expect(backlog.bytes).toBe(5);
  expect(takeAll(backlog)).toEqual(['bcd', 'ef']);
  expect(backlog.bytes).toBe(0);
});

test('drops the oldest droppable message first and keeps the others in order', () => {
  const backlog = backlogOf(['kept 1', false], ['old', true], ['kept 2', false], ['new', true]);
  expect(backlog.dropOldest()).toBe(true);
  expect(backlog.bytes).toBe(15);
  expect(takeAll(backlog)).toEqual(['kept 1', 'kept 2', 'new']);
});

test('drops nothing when no droppable message is left', () => {
  const backlog = backlogOf(['kept', false], ['old', true]);
  expect([backlog.dropOldest(), backlog.dropOldest()]).toEqual([true, false]);
  expect(takeAll(backlog)).toEqual(['kept']);
});

test('does not drop a message that was taken', () => {
  const backlog = backlogOf(['old', true], ['kept', false]);
  expect(backlog.shift()?.data).toBe('old');
  expect(backlog.dropOldest()).toBe(false);
  expect(backlog.bytes).toBe(4);
});

test('puts messages in front of all others, which then cannot be dropped', () => {
  const backlog = backlogOf(['c', true], ['d', false]);
  const [a, b] = ['a', 'b'].map((data) => ({ data, compress: undefined, bytes: 1 }));
  backlog.prepend([a!, b!]);
  expect(backlog.bytes).toBe(4);
  expect([backlog.dropOldest(), backlog.dropOldest()]).toEqual([true, false]);
  expect(takeAll(backlog)).toEqual(['a', 'b', 'd']);
  expect(backlog.bytes).toBe(0);
});
