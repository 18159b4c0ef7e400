import { expect, test } from 'vitest';
import { TopicClient } from '../../src/client/topic-client.ts';
import { checkPublish, checkRange, checkRequest, checkSubscribe } from '../../src/client/topic-arguments.ts';

const subscribe = (options: unknown) => () => checkSubscribe({}, options as object);
const publish = (options: unknown) => () => checkPublish(options as object);

test.each([
  [subscribe({ snice: 'start' }), 'there is no option "snice": did you mean "since"?'],
  [subscribe(null), 'options must be an object; received null'],
  [subscribe({ since: 'yesterday' }), '{ after: position }; received "yesterday"'],
  [subscribe({ since: { lst: 5 } }), '{ after: position }; received object'],
  [subscribe({ since: { after: undefined } }), '{ after: position }; received object'],
  [subscribe({ since: { last: 1001 } }), 'since.last must be a whole number, from 1 to 1000; received 1001'],
  [subscribe({ presence: { shwo: true } }), 'there is no option "presence.shwo": did you mean "presence.show"?'],
  [subscribe({ presence: { show: 1 } }), 'presence.show must be true or false'],
  [publish({ volatle: true }), 'did you mean "volatile"?'],
  [publish({ except: {} }), 'there is no option "except": publish() takes key, ttl, idempotencyKey, volatile'],
  [publish({ key: '' }), 'key must be a text of 1 to 256 characters; received one of 0'],
  [publish({ idempotencyKey: 'order-7' }), 'idempotencyKey must be a text of 16 to 64 characters; received one of 7'],
  [publish({ ttl: 0 }), 'ttl must be a number of seconds above 0; received 0'],
  [publish({ volatile: 'no' }), 'volatile must be true or false'],
  [() => checkRequest({ timeoutMs: -5 }), 'timeoutMs must be a whole number, 0 or more, or Infinity; received -5'],
  [() => checkRange({ limit: 501 }), 'limit must be a whole number, from 1 to 500; received 501'],
  [() => checkRange({ after: 5 }), 'after must be a position; received 5'],
])('%# a wrong option is told, and what to write', (check, message) => {
  expect(check).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  expect(check).toThrow(message);
});

test('what a client cannot do is told, and what to do instead', async () => {
  const topics = new TopicClient([], true);
  topics.attach({ onFlow: () => {} } as never);
  expect(() => topics.subscribe('room', 5 as never)).toThrow('it must be an object with callbacks; received 5');
  await expect(topics.publish('room', 1, { ttl: 0 })).rejects.toThrow('ttl must be');
  await expect(topics.publish('room', NaN)).rejects.toThrow('cannot send NaN: pass a string, a number');
  await expect(topics.publish('room', 1, { volatile: true })).rejects.toThrow(
    'volatile message: there is no connection',
  );
  await expect(topics.request(1, { timeoutMs: -1 })).rejects.toThrow('timeoutMs must be');
  const room = topics.subscribe('room', {});
  await expect(room.history({ limit: 0 })).rejects.toThrow('limit must be');
  expect(() => topics.subscribe('room', {})).toThrow('subscribed already: unsubscribe first');
  const other = new TopicClient([], true);
  other.open('chat');
  expect(() => other.subscribe('room', {})).toThrow('than 4d-topics.1: create it with the option topics: true');
  other.end();
  expect(() => other.subscribe('room', {})).toThrow('the client is over: call reconnect()');
});

test('a handler that is no object is told, and what fits passes', () => {
  expect(() => checkSubscribe(() => {}, {})).toThrow('it must be an object with callbacks; received function');
  for (const since of [undefined, 'now', 'start', 'state', { last: 1 }, { after: 'e.1.t' }] as const) {
    checkSubscribe({}, { since, presence: { show: true, watch: false } });
  }
  checkPublish({ key: 'k', ttl: 0.5, idempotencyKey: 'x'.repeat(16), volatile: true });
  checkRequest({ timeoutMs: Infinity });
  checkRange({ after: 'e.1.t', limit: 500 });
});
