import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readClientFrame } from '../../src/topics/frame-reader.ts';
import { findTopicProblem } from '../../src/topics/topic-name.ts';

const read = (frame: unknown): unknown => readClientFrame(typeof frame === 'string' ? frame : JSON.stringify(frame));

const NOTHING = { show: false, watch: false };
const POSITION = 'since must be a position, "now", "start", "state" or {"last": 1 to 1000}';
const ID = 'id must be a number or a text of 1 to 64 characters';

test.each([
  [{ t: 'ping', further: 1 }, { t: 'ping' }],
  [
    { t: 'msg', data: { b64: 'AA==' } },
    { t: 'msg', data: { b64: 'AA==' } },
  ],
  [
    { t: 'req', data: { b64: 'AP8=' }, id: 'x' },
    { t: 'req', data: Buffer.from([0, 255]), id: 'x' },
  ],
  [
    { t: 'unsub', topic: 'ü' },
    { t: 'unsub', topic: 'ü' },
  ],
  [
    { t: 'who', topic: 'a', id: -1.5 },
    { t: 'who', topic: 'a', id: -1.5 },
  ],
  [
    { t: 'hist', topic: 'a', id: 1 },
    { t: 'hist', topic: 'a', after: undefined, limit: 100, id: 1 },
  ],
  [
    { t: 'hist', topic: 'a', after: 'e.1.1', limit: 500, id: 1 },
    { t: 'hist', topic: 'a', after: 'e.1.1', limit: 500, id: 1 },
  ],
  [
    { t: 'sub', topic: 'a', presence: { show: true } },
    { t: 'sub', topics: [{ topic: 'a', since: 'now' }], presence: { show: true, watch: false }, problems: [] },
  ],
  [
    {
      t: 'sub',
      topic: [
        { topic: 'a', since: { last: 1000 } },
        { topic: 'b', since: 'e.1.1' },
      ],
      id: 3,
    },
    {
      t: 'sub',
      topics: [
        { topic: 'a', since: { last: 1000 } },
        { topic: 'b', since: { after: 'e.1.1' } },
      ],
      presence: NOTHING,
      id: 3,
      problems: [],
    },
  ],
  [
    { t: 'pub', topic: 'a', data: null, key: 'k', ttl: 0.5, mid: 'm'.repeat(16), volatile: true, id: 1 },
    { t: 'pub', topic: 'a', data: null, key: 'k', ttl: 0.5, mid: 'm'.repeat(16), isVolatile: true, id: 1 },
  ],
])('reads %j', (frame, expected) => expect(read(frame)).toEqual(expected));

test.each([
  ['', 'the frame is not valid JSON'],
  ['{', 'the frame is not valid JSON'],
  ['[]', 'the frame must be a JSON object'],
  ['null', 'the frame must be a JSON object'],
  ['1', 'the frame must be a JSON object'],
  [{}, 'unknown t: undefined'],
  [{ t: 'hi' }, 'unknown t: "hi"'],
  [{ t: 'x'.repeat(1000) }, `unknown t: "${'x'.repeat(20)}"`],
  [{ t: { toString: 1 } }, 'unknown t: object'],
  [{ t: 'msg' }, 'data is missing'],
  [{ t: 'req', data: 1 }, ID],
  [{ t: 'req', data: 1, id: '' }, ID],
  [{ t: 'req', data: 1, id: 'x'.repeat(65) }, ID],
  [{ t: 'req', data: 1, id: [1] }, ID],
  [{ t: 'sub', topic: 'a', id: null }, ID],
  [
    { t: 'sub', topic: Array.from({ length: 101 }, () => ({ topic: 'a' })) },
    'too many topics in one frame: 101 (at most 100)',
  ],
  [{ t: 'sub', topic: 'a', since: '' }, POSITION],
  [{ t: 'sub', topic: 'a', since: 'x'.repeat(65) }, POSITION],
  [{ t: 'sub', topic: 'a', since: { last: 0 } }, POSITION],
  [{ t: 'sub', topic: 'a', since: { last: 1001 } }, POSITION],
  [{ t: 'sub', topic: 'a', since: null }, POSITION],
  [{ t: 'sub', topic: 'a', presence: null }, 'presence must be {"show": true or false, "watch": true or false}'],
  [{ t: 'sub', topic: 'a', presence: { show: 1 } }, 'presence must be {"show": true or false, "watch": true or false}'],
  [{ t: 'pub', topic: 'a', id: 1 }, 'data is missing'],
  [{ t: 'pub', topic: 'a', data: 1 }, ID],
  [
    { t: 'pub', topic: 'a', data: 1, id: 1, mid: 'short' },
    'mid (idempotencyKey) must be a text of 16 to 64 characters',
  ],
  [{ t: 'pub', topic: 'a', data: 1, id: 1, ttl: 0 }, 'ttl must be a number of seconds above 0'],
  [{ t: 'pub', topic: 'a', data: 1, id: 1, ttl: '5' }, 'ttl must be a number of seconds above 0'],
  [{ t: 'pub', topic: 'a', data: 1, id: 1, volatile: 1 }, 'volatile must be true or false'],
  [{ t: 'pub', topic: 'a', data: 1, id: 1, key: '' }, 'key must be a text of 1 to 256 characters'],
  [{ t: 'hist', topic: 'a', id: 1, limit: 501 }, 'limit must be a whole number from 1 to 500'],
  [{ t: 'hist', topic: 'a', id: 1, after: 1 }, 'after must be a position'],
])('refuses %j: %s', (frame, message) => {
  expect(read(frame)).toMatchObject({ code: 'invalid', message });
});

test('a refusal says which frame and topic it is about', () => {
  expect(read({ t: 'pub', topic: 'a', id: 7, data: 1, ttl: -1 })).toMatchObject({ id: 7, topic: 'a' });
  expect(read({ t: 'unsub', topic: '@x' })).toMatchObject({ code: 'topic', topic: '@x' });
  expect(read({ t: 'unsub', topic: 'x'.repeat(1000) })).not.toHaveProperty('topic');
});

test('a topic of a list that cannot be used does not stop the others', () => {
  const frame = read({ t: 'sub', topic: [{ topic: 'a' }, 'b', null, { topic: '' }, { topic: 'c', since: 5 }], id: 1 });
  expect(frame).toMatchObject({
    topics: [{ topic: 'a' }],
    problems: [
      { code: 'invalid', id: 1 },
      { code: 'invalid', id: 1 },
      { code: 'topic', id: 1, topic: '' },
      { code: 'invalid', id: 1, topic: 'c' },
    ],
  });
});

test.each([
  ['a', undefined],
  ['ü'.repeat(128), undefined],
  ['😀'.repeat(64), undefined],
  ['ü'.repeat(129), 'at most 256 bytes of UTF-8; this one has 258'],
  ['€'.repeat(86), 'at most 256 bytes of UTF-8; this one has 258'],
  ['😀'.repeat(65), 'at most 256 bytes of UTF-8; this one has 260'],
  ['', 'must not be empty'],
  ['@me', 'must not begin with @'],
  ['a*', 'must not have control characters, *, # or >'],
  ['a\n', 'must not have control characters'],
  ['a\u009f', 'must not have control characters'],
  ['a\ud800', 'must be valid Unicode'],
  [5, 'must be a text'],
])('the name %j: %s', (name, problem) => {
  if (problem === undefined) expect(findTopicProblem(name)).toBeUndefined();
  else expect(findTopicProblem(name)).toContain(problem);
});

test('never throws, whatever JSON or text comes', () => {
  const member = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom('sub', 'pub', 'hist', 'who', 'msg', 'req', 'ping', 'unsub', 'now', 'a', 'e.1.1'),
    fc.constantFrom({ last: 5 }, { b64: 'AA==' }, [{ topic: 'a' }], [{ topic: 'a', since: 1 }, null]),
  );
  const names = fc.constantFrom(
    't',
    'topic',
    'since',
    'presence',
    'id',
    'data',
    'key',
    'ttl',
    'mid',
    'volatile',
    'limit',
  );
  const frames = fc.oneof(
    fc.dictionary(names, member, { minKeys: 3, maxKeys: 11 }).map((frame) => JSON.stringify(frame)),
    fc.json(),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(frames, (text) => {
      const frame = readClientFrame(text);
      expect('t' in frame || 'code' in frame).toBe(true);
      // Whatever is refused says why, and shows no more of the frame than its id and topic.
      if ('code' in frame) expect(frame.message.length).toBeLessThan(200);
      else if (frame.t === 'sub') for (const { topic } of frame.topics) expect(findTopicProblem(topic)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});
