import { expect, test } from 'vitest';
import { TopicRefusals } from '../../src/server/topic-refusals.ts';

const RATE = { code: 'rate', message: 'too many', retryMs: 9 } as const;
const AWAY = { code: 'broker-down', message: 'away', retryMs: 1000 } as const;

test('of publications that are refused for now, the one that came first holds back the others', () => {
  const refusals = new TopicRefusals();
  const [one, two, three] = ['1', '2', '3'].map((mid) => refusals.arrive(mid)) as [Arrival, Arrival, Arrival];
  refusals.note(two, RATE);
  refusals.note(one, AWAY);
  refusals.note(three, RATE);
  const answers = ['2', undefined, '1', '2'].map((mid) => refusals.findFor(refusals.arrive(mid)));
  expect(answers).toEqual([AWAY, undefined, undefined, undefined]);
});

type Arrival = ReturnType<TopicRefusals['arrive']>;
