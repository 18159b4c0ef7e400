import { expect, test } from 'vitest';
import { deny, grant, memoryBroker } from '../../src/index.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { checkTopics } from '../../src/server/topic-options.ts';
import { errorOf } from '../helpers/error-of.ts';

const history = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };

test('topics are off by default, and true takes all defaults', () => {
  expect([undefined, false].map((topics) => checkTopics(topics))).toEqual([undefined, undefined]);
  expect(checkTopics(true)).toEqual({
    broker: undefined,
    history,
    onSlow: 'catchUp',
    presence: { max: 1000, leaveGraceMs: 5000 },
    rules: [],
    limits: {
      topics: 1000,
      subscribesPerSecond: 100,
      subscribesAtOnce: 1000,
      publishesPerSecond: 100,
      payloadBytes: 65_536,
    },
  });
});

test('a rule takes what it does not say from the history of all topics, and the longest prefix comes first', () => {
  const rules = [
    { prefix: 'a', history: { messages: 0 } },
    { prefix: 'a/b', history: { seconds: 60 } },
  ];
  const checked = checkTopics({ broker: memoryBroker(), history: { bytes: 9 }, rules });
  expect(checked?.rules).toEqual([
    { prefix: 'a/b', history: { ...history, bytes: 9, seconds: 60 } },
    { prefix: 'a', history: { ...history, bytes: 9, messages: 0 } },
  ]);
});

test.each([
  ['on', 'topics must be true, false or an object; received a text'],
  [null, 'topics must be true, false or an object; received null'],
  [[], 'topics must be an object; received an array'],
  [{ histroy: {} }, 'there is no option "topics.histroy": did you mean "topics.history"?'],
  [{ broker: {} }, 'topics.broker must be a broker, such as memoryBroker(); received object'],
  [{ onSlow: 'drop' }, 'topics.onSlow must be "catchUp", "latest", "close"; received "drop"'],
  [{ history: { seconds: 59 } }, 'topics.history.seconds must be a whole number, from 60 to 31536000; received 59'],
  [{ history: { age: 1 } }, 'there is no option "topics.history.age"'],
  [{ limits: { topics: 0 } }, 'topics.limits.topics must be a whole number, 1 or more, or Infinity; received 0'],
  [{ presence: { max: 1001 } }, 'topics.presence.max must be a whole number, from 0 to 1000; received 1001'],
  [{ rules: {} }, 'topics.rules must be an array; received object'],
  [{ rules: [5] }, 'topics.rules[0] must be an object; received 5'],
  [{ rules: [{ prefix: '' }] }, 'topics.rules[0].prefix must be a text that is not empty; received a text'],
  [
    { rules: [{ prefix: 'a', history: { seconds: 1 } }] },
    'topics.rules[0].history.seconds must be a whole number, from 60 to 31536000; received 1',
  ],
  [
    {
      rules: [
        { prefix: 'a', history: {} },
        { prefix: 'a', history: {} },
      ],
    },
    'topics.rules must not have a prefix twice',
  ],
])('refuses %j', (topics, problem) => {
  const error = errorOf(() => parseServerOptions({ topics: topics as never }));
  expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: `invalid option: ${problem}` });
});

test.each(['4d-topics.1', 'session.x'])('with topics, protocols cannot hold %s', (name) => {
  expect(parseServerOptions({ protocols: [name] }).topics).toBeUndefined();
  expect(errorOf(() => parseServerOptions({ protocols: ['chat', name], topics: true })).message).toContain(
    name.slice(0, 8),
  );
});

test('grant fills in the defaults, and deny cuts its text', () => {
  const nothing = { show: false, watch: false };
  expect(grant()).toEqual({ publish: false, history: true, presence: nothing });
  const full = grant({
    publish: true,
    history: false,
    presence: { show: true },
    info: { a: 1 },
    expiresAt: new Date(5),
  });
  expect(full).toEqual({
    publish: true,
    history: false,
    presence: { show: true, watch: false },
    info: '{"a":1}',
    expiresAt: 5,
  });
  expect(deny('x'.repeat(300)).message).toHaveLength(256);
});

test.each([
  [{ publsh: true }, 'there is no option "publsh": did you mean "publish"?'],
  [{ publish: 1 }, 'publish must be true or false'],
  [{ expiresAt: new Date('x') }, 'expiresAt must be a valid Date, or a number of milliseconds since 1970'],
  [{ presence: { show: 'yes' } }, 'presence.show must be true or false'],
  [{ info: 'x' }, 'info must be an object; received a text'],
  [{ info: { a: 'ü'.repeat(509) } }, 'info is too long: 1026 bytes of JSON (at most 1024)'],
  [{ info: { toJSON: () => undefined } }, 'info cannot be written as JSON'],
  [{ info: { a: 1n } }, 'info cannot be written as JSON: '],
])('grant refuses %o', (options, problem) => {
  const error = errorOf(() => grant(options as never));
  expect(error.code).toBe('ERR_INVALID_OPTION');
  expect(error.message).toContain(problem);
});
