/** Whatever a server sends, and whenever: the topics of a client do not throw, and settle each call. */
import fc from 'fast-check';
import type { Subscription } from '../../../src/topics/topic-handler.ts';
import { FakeHost, settle, TopicRecorder } from '../../topics/client-harness.ts';
import { defineLaw, type Law } from '../law.ts';

const TOPICS = ['a', 'b', '@me'];

const odd = fc.oneof(fc.constantFrom(null, '', -1, Number.MAX_VALUE, true, [], {}, 'e.1.t', { b64: '??' }), fc.json());
const member = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 8, arbitrary: usual }, { weight: 1, arbitrary: odd });

const frame = fc.record(
  {
    t: member(
      fc.constantFrom(
        'hi',
        'alive',
        'subbed',
        'm',
        'live',
        'gap',
        'who',
        'unsubbed',
        'ok',
        'err',
        'hist',
        'msg',
        'move',
      ),
    ),
    topic: member(fc.constantFrom(...TOPICS)),
    pos: member(fc.constantFrom('e.1.t', 'e.2.t')),
    id: member(fc.integer({ min: 1, max: 8 })),
    state: member(fc.constantFrom('new', 'recovered', 'gap')),
    data: odd,
    list: odd,
    join: member(fc.constant([{ id: 'x', since: 1 }])),
    msgs: odd,
    code: member(fc.constantFrom('rate', 'broker-down', 'denied', 'expired')),
    retryMs: member(fc.integer({ min: 0, max: 50 })),
    limits: member(fc.record({ publishesPerSecond: fc.integer({ min: 0, max: 4 }) })),
    session: odd,
    afterMs: odd,
  },
  { requiredKeys: ['t'] },
);

const step = fc.oneof(
  { weight: 6, arbitrary: frame.map((value) => ({ name: 'frame', value })) },
  { weight: 1, arbitrary: fc.array(frame, { maxLength: 4 }).map((value) => ({ name: 'frame', value })) },
  { weight: 1, arbitrary: fc.string().map((value) => ({ name: 'text', value })) },
  {
    weight: 6,
    arbitrary: fc.record({
      name: fc.constantFrom(
        'sub',
        'unsub',
        'pub',
        'volatile',
        'req',
        'hist',
        'who',
        'open',
        'off',
        'lose',
        'pass',
        'end',
      ),
      value: fc.constantFrom(...TOPICS),
    }),
  },
);

async function run(steps: readonly { readonly name: string; readonly value: unknown }[]): Promise<void> {
  const host = new FakeHost();
  const rooms = new Map<unknown, Subscription>();
  const calls: Promise<unknown>[] = [];
  const quiet = (act: () => unknown): void => {
    try {
      const result = act();
      if (result instanceof Promise) calls.push(result.catch(() => {}));
    } catch {
      // The call came at the wrong time.
    }
  };
  const recorders: TopicRecorder[] = [];
  for (const { name, value } of steps) {
    const topic = value as string;
    if (name === 'frame') host.receive(JSON.stringify(value));
    else if (name === 'text') host.receive(topic);
    else if (name === 'open') host.open();
    else if (name === 'off') host.open('chat');
    else if (name === 'lose') host.lose();
    else if (name === 'end') {
      host.end();
      host.begin();
    } else if (name === 'pass') host.pass(700);
    else if (name === 'unsub') rooms.get(topic)?.unsubscribe();
    else if (name === 'sub') {
      const recorder = new TopicRecorder();
      quiet(() => {
        rooms.set(topic, host.subscribe(topic, recorder));
        recorders.push(recorder);
      });
    } else if (name === 'pub' || name === 'volatile') {
      quiet(() => host.publish(topic, 1, { volatile: name === 'volatile' }));
    } else if (name === 'req') quiet(() => host.request(topic));
    else if (name === 'hist') quiet(() => rooms.get(topic)?.history());
    else quiet(() => rooms.get(topic)?.members());
    // Calls that were made go out in a microtask.
    await Promise.resolve();
  }
  host.end();
  await Promise.all(calls);
  await settle();
  if (host.reports.length > 0) throw new Error(`a callback failed: ${host.reports[0]}`);
  if (host.timerCount > 0 && host.calls > 0) throw new Error('a call is left behind');
  for (const { seen } of recorders) {
    const ends = seen.filter((line) => /^(end|refused) /.test(line));
    if (ends.length !== 1 || ends[0] !== seen.at(-1)) throw new Error(`no end, or one too many: ${seen.join(', ')}`);
  }
}

export const topicLaws: readonly Law[] = [
  defineLaw(
    'topics of a client take whatever a server sends, and end once',
    400,
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), run),
  ),
];
