import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { BrokerError } from '../../src/topics/broker.ts';
import type { Publication } from '../../src/topics/feed.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';
import type { Since } from '../../src/topics/topic-handler.ts';
import { CORE_LIMITS, type CoreLimits, type CoreSettings, TopicsCore } from '../../src/topics/topics-core.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { RecordingFeedSink } from './recording-feed-sink.ts';
import { SpiedBroker } from './spied-broker.ts';

const HISTORY = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };
const SETTINGS: CoreSettings = {
  history: HISTORY,
  onSlow: 'catchUp',
  rules: [],
  presence: { max: 1000, leaveGraceMs: 5000 },
};

function setUp(limits: Partial<CoreLimits> = {}, settings: Partial<CoreSettings> = {}, broker = new SpiedBroker()) {
  const clock = useFakeClock();
  const core = new TopicsCore(broker, { ...SETTINGS, ...settings }, { ...CORE_LIMITS, ...limits });
  onTestFinished(() => core.close());
  const subscribeTo = (topic: string, since: Since = 'now', session?: string): RecordingFeedSink => {
    const sink = new RecordingFeedSink(session);
    core.subscribe(topic, since, sink);
    return sink;
  };
  const publish = async (topic: string, text: string, options: Partial<Publication> = {}): Promise<void> => {
    await core.publish(topic, { data: JSON.stringify(text), ...options });
  };
  return { clock, core, broker, subscribeTo, publish };
}

test('delivers from each place where a subscription may begin', async () => {
  const { clock, core, subscribeTo, publish } = setUp();
  for (const [text, key] of [['a'], ['b', 'k'], ['c', 'k'], ['d']] as const) await publish('t', text, { key });
  const sinks = (['now', 'start', 'state', { last: 2 }, { last: 100 }] as const).map((since) =>
    subscribeTo('t', since),
  );
  await clock.advance(100);
  await publish('t', 'e');
  await clock.advance(0);
  expect(sinks.map(({ heard }) => heard)).toEqual([
    ['subscribed new 0', '"e"'],
    ['subscribed new 4', 'replayed "a"', 'replayed "b"', 'replayed "c"', 'replayed "d"', 'live 4', '"e"'],
    ['subscribed new 1', 'state "c"', 'live 1', '"e"'],
    ['subscribed new 2', 'replayed "c"', 'replayed "d"', 'live 2', '"e"'],
    ['subscribed new 4', 'replayed "a"', 'replayed "b"', 'replayed "c"', 'replayed "d"', 'live 4', '"e"'],
  ]);
  expect(core.stats).toMatchObject({
    topics: 1,
    subscriptions: 5,
    behind: 0,
    published: 5,
    delivered: 5,
    replayed: 11,
  });
});

test('answers a thousand subscribers that come back to one topic at another node with a few reads', async () => {
  const logs = new MemoryLogs();
  const { clock, subscribeTo, publish } = setUp({}, {}, new SpiedBroker(logs));
  const first = subscribeTo('t');
  await clock.advance(0);
  const positions: string[] = [];
  for (let i = 0; i < 100; i++) {
    await publish('t', `${i}`);
    await clock.advance(0);
    positions.push(first.position ?? '');
  }
  const broker = new SpiedBroker(logs);
  const core = new TopicsCore(broker, SETTINGS);
  onTestFinished(() => core.close());
  const sinks = Array.from({ length: 1000 }, (_, i) => {
    const sink = new RecordingFeedSink();
    core.subscribe('t', i % 2 === 0 ? { last: 60 } : { after: positions[39] ?? '' }, sink);
    return sink;
  });
  await clock.advance(1000);
  for (const [i, { heard }] of sinks.entries()) {
    expect(heard).toHaveLength(62);
    expect(heard.slice(0, 2)).toEqual([`subscribed ${i % 2 === 0 ? 'new' : 'recovered'} 60`, 'replayed "40"']);
    expect(heard.at(-1)).toBe('live 60');
  }
  expect(broker.reads).toHaveLength(2);
});

test('asks the broker for nothing that it has followed from the beginning', async () => {
  const { clock, broker, subscribeTo, publish } = setUp();
  subscribeTo('t');
  await clock.advance(0);
  await publish('t', 'a');
  await clock.advance(0);
  const reads = broker.reads.length;
  const sink = subscribeTo('t', { last: 50 });
  await clock.advance(0);
  expect([sink.heard, broker.reads.length]).toEqual([['subscribed new 1', 'replayed "a"', 'live 1'], reads]);
});

test('keeps no queue for a subscriber that does not keep up, and lets it catch up from where it was', async () => {
  const { clock, core, subscribeTo, publish } = setUp();
  const [slow, fast] = [subscribeTo('t'), subscribeTo('t')];
  await clock.advance(0);
  await publish('t', 'a');
  await clock.advance(0);
  slow.isReady = false;
  for (const text of ['b', 'c', 'd']) await publish('t', text);
  await clock.advance(0);
  expect([slow.data, fast.data]).toEqual([['a'], ['a', 'b', 'c', 'd']]);
  expect(core.stats.behind).toBe(1);
  slow.becomeReady();
  await clock.advance(0);
  await publish('t', 'e');
  await clock.advance(0);
  expect(slow.heard).toEqual(['subscribed new 0', '"a"', '"b"', '"c"', '"d"', '"e"']);
  expect(core.stats.behind).toBe(0);
});

test('tells a subscriber that was slower than the history', async () => {
  const { clock, core, subscribeTo, publish } = setUp({}, { history: { ...HISTORY, messages: 2 } });
  const slow = subscribeTo('t');
  await clock.advance(0);
  slow.isReady = false;
  for (const text of ['a', 'b', 'c', 'd']) await publish('t', text);
  await clock.advance(0);
  slow.becomeReady();
  await clock.advance(0);
  await publish('t', 'e');
  await clock.advance(0);
  expect(slow.heard).toEqual(['subscribed new 0', 'gap slow', '"e"']);
  expect(core.stats.gaps).toEqual({ trimmed: 0, epoch: 0, forked: 0, slow: 1 });
});

test('has a slow subscriber skip to the newest of each key that it may see, with onSlow latest', async () => {
  const { clock, subscribeTo, publish } = setUp({}, { onSlow: 'latest' });
  const slow = subscribeTo('t', 'now', 'me');
  await clock.advance(0);
  slow.isReady = false;
  const messages = [['a', 'k'], ['b', 'l'], ['c', 'k'], ['d'], ['e']] as const;
  for (const [text, key] of messages) await publish('t', text, { key });
  await publish('t', 'f', { except: 'me' });
  await clock.advance(0);
  slow.becomeReady();
  await clock.advance(0);
  expect(slow.data).toEqual(['b', 'c', 'e']);
});

test('tells a subscriber that was slower than the history, and gives it the newest that is kept, with onSlow latest', async () => {
  const { clock, subscribeTo, publish } = setUp({}, { onSlow: 'latest', history: { ...HISTORY, messages: 3 } });
  const slow = subscribeTo('t');
  await clock.advance(0);
  slow.isReady = false;
  for (const [i, key] of ['k', 'l', 'k', 'l', 'k'].entries()) await publish('t', `${key}${i}`, { key });
  await clock.advance(0);
  slow.becomeReady();
  await clock.advance(0);
  await publish('t', 'next');
  await clock.advance(0);
  expect(slow.heard).toEqual(['subscribed new 0', 'gap slow', '"l3"', '"k4"', '"next"']);
});

test('makes no copy of a state for a subscriber that does not take it', async () => {
  const { clock, broker, subscribeTo, publish } = setUp();
  for (const key of ['k', 'l', 'm']) await publish('t', key, { key });
  const read = broker.read.bind(broker);
  let copies = 0;
  broker.read = async (queries) => {
    const [slice] = await read(queries);
    const entries = slice!.state?.map(
      (entry) =>
        new Proxy(entry, {
          get: (target, name) => {
            if (name === 'bytes') copies++;
            return Reflect.get(target, name, target) as unknown;
          },
        }),
    );
    return [{ ...slice!, state: entries }];
  };
  const slow = subscribeTo('t', 'state');
  slow.onData = () => (slow.isReady = false);
  await clock.advance(0);
  const before = copies;
  slow.becomeReady();
  await clock.advance(0);
  expect([slow.heard, copies - before]).toEqual([['subscribed new 3', 'state "k"', 'state "l"'], 1]);
  slow.onData = () => {};
  slow.becomeReady();
  await clock.advance(0);
  expect(slow.heard.slice(3)).toEqual(['state "m"', 'live 3']);
});

test('ends a subscriber that does not keep up, with onSlow close', async () => {
  const { clock, core, subscribeTo, publish } = setUp({}, { onSlow: 'close' });
  const slow = subscribeTo('t');
  await clock.advance(0);
  slow.isReady = false;
  await publish('t', 'a');
  await clock.advance(0);
  expect(slow.heard).toEqual(['subscribed new 0', 'failed slow']);
  expect(core.stats.subscriptions).toBe(0);
});

test('gives volatile messages to those who keep up, and to nobody later', async () => {
  const { clock, core, subscribeTo, publish } = setUp();
  const [slow, fast, excepted] = [subscribeTo('t'), subscribeTo('t'), subscribeTo('t', 'now', 'me')];
  await clock.advance(0);
  slow.isReady = false;
  await publish('t', 'a', { isVolatile: true, except: 'me' });
  await publish('t', 'b');
  await publish('t', 'c', { isVolatile: true });
  await clock.advance(0);
  slow.becomeReady();
  const late = subscribeTo('t', 'start');
  await clock.advance(0);
  expect([slow.data, fast.data, excepted.data]).toEqual([['b'], ['a', 'b', 'c'], ['b', 'c']]);
  expect(late.heard).toEqual(['subscribed new 1', 'replayed "b"', 'live 1']);
  expect(core.stats.volatileDropped).toBe(2);
});

test('does not replay what is past its ttl, neither from memory nor from the broker', async () => {
  const { clock, subscribeTo, publish } = setUp();
  const live = subscribeTo('t');
  await clock.advance(0);
  await publish('t', 'a');
  await publish('t', 'b', { ttl: 2 });
  await publish('t', 'c');
  await clock.advance(3000);
  const sinks = [subscribeTo('t', 'start'), subscribeTo('t', { last: 3 })];
  await clock.advance(0);
  for (const { heard } of sinks) expect(heard.slice(1)).toEqual(['replayed "a"', 'replayed "c"', 'live 2']);
  expect(live.data).toEqual(['a', 'b', 'c']);
});

test('serves a part of many subscribers in each turn, each in order, whatever they publish meanwhile', async () => {
  const { clock, publish, subscribeTo } = setUp({ subscribersPerTurn: 4 });
  const sinks = Array.from({ length: 10 }, () => subscribeTo('t'));
  await clock.advance(0);
  sinks[0]!.onData = (data) => {
    if (data === '"a"') void publish('t', 'from within');
  };
  await publish('t', 'a');
  await Promise.resolve();
  const served = sinks.filter(({ data }) => data.length > 0);
  await publish('t', 'b');
  await clock.advance(0);
  expect(served).toHaveLength(4);
  const [first] = sinks;
  expect(first!.data.toSorted()).toEqual(['a', 'b', 'from within']);
  expect(first!.data[0]).toBe('a');
  for (const { data } of sinks) expect(data).toEqual(first!.data);
});

test('keeps no queue of more messages than it can deliver: subscribers then go on by themselves', async () => {
  const { clock, core, publish, subscribeTo } = setUp({ subscribersPerTurn: 2, waitingEntries: 3 });
  const sinks = Array.from({ length: 10 }, () => subscribeTo('t'));
  await clock.advance(0);
  const texts = Array.from({ length: 20 }, (_, i) => `${i}`);
  const published = texts.map((text) => publish('t', text));
  await publish('t', 'volatile', { isVolatile: true });
  await Promise.all(published);
  expect(core.stats.behind).toBe(10);
  await clock.advance(0);
  await publish('t', 'last');
  await clock.advance(0);
  for (const { data } of sinks) expect(data).toEqual([...texts, 'last']);
  expect(core.stats).toMatchObject({ behind: 0, volatileDropped: 10 });
});

test('lets so many subscribers in a second come back, in order of arrival, and new ones at once', async () => {
  const { clock, subscribeTo, publish } = setUp({ resumesPerSecond: 10 });
  await publish('t', 'a');
  const sinks = Array.from({ length: 30 }, () => subscribeTo('t', 'start'));
  const late = subscribeTo('t', 'now');
  const begun = (): number => sinks.filter(({ heard }) => heard.length > 0).length;
  await clock.advance(100);
  expect([begun(), late.heard]).toEqual([10 + 1, ['subscribed new 0']]);
  await clock.advance(1000);
  expect(begun()).toBe(20 + 1);
  expect(sinks.slice(21).every(({ heard }) => heard.length === 0)).toBe(true);
  await clock.advance(1000);
  expect(begun()).toBe(30);
});

test('empties the memory of the topic that was idle for longest, which costs a read and no message', async () => {
  const { clock, core, broker, subscribeTo, publish } = setUp({ ringBytes: 100_000 });
  const [old] = [subscribeTo('old'), subscribeTo('new')];
  await clock.advance(0);
  await publish('new', 'a');
  await clock.advance(0);
  await publish('old', 'a');
  await clock.advance(0);
  const { position } = old;
  await publish('old', 'b');
  await clock.advance(2000);
  for (let i = 0; i < 100; i++) {
    await publish('new', 'x'.repeat(1000));
    await clock.advance(0);
    expect(core.stats.ringBytes).toBeLessThanOrEqual(100_000);
  }
  const reads = broker.reads.length;
  const back = subscribeTo('old', { after: position ?? '' });
  await clock.advance(0);
  expect(back.heard).toEqual(['subscribed recovered 1', 'replayed "b"', 'live 1']);
  expect(broker.reads.length).toBeGreaterThan(reads);
});

test('watches a topic until 30 s after its last subscriber', async () => {
  const { clock, core, broker } = setUp();
  const feed = core.subscribe('t', 'now', new RecordingFeedSink());
  await clock.advance(100_000);
  feed.end();
  await clock.advance(20_000);
  const back = core.subscribe('t', 'now', new RecordingFeedSink());
  await clock.advance(100_000);
  expect([broker.watched, broker.unwatched]).toEqual([['t'], []]);
  back.end();
  await clock.advance(29_000);
  expect(core.stats.topics).toBe(1);
  await clock.advance(2000);
  expect([core.stats.topics, broker.unwatched]).toEqual([0, ['t']]);
});

test('finds the last message of an idle topic that was not announced, and watches the topic again', async () => {
  const { clock, core, broker, subscribeTo, publish } = setUp();
  const sink = subscribeTo('t');
  await clock.advance(0);
  broker.mute.add('t');
  await publish('t', 'a');
  await clock.advance(31_000);
  expect(sink.data).toEqual(['a']);
  await clock.advance(2000);
  await publish('t', 'b');
  await clock.advance(0);
  expect(sink.data).toEqual(['a', 'b']);
  expect(core.stats).toMatchObject({ headDifferences: 1, holesRepaired: 1 });
});

test('asks for so many heads in a second', async () => {
  const { clock, broker, subscribeTo } = setUp({ headChecksPerSecond: 100 });
  for (let i = 0; i < 50; i++) subscribeTo(`t${i}`);
  await clock.advance(0);
  const opened = broker.reads.length;
  broker.sink?.onDoubt('all');
  await clock.advance(250);
  expect(broker.reads.length - opened).toBeLessThanOrEqual(30);
  await clock.advance(400);
  expect(broker.reads.length - opened).toBe(50);
});

test('has so many questions to the broker under way, and asks the same one once', async () => {
  const { clock, core, broker, subscribeTo, publish } = setUp({ reads: 2 });
  for (let i = 0; i < 6; i++) await publish(`t${i}`, 'a');
  for (let i = 0; i < 6; i++) subscribeTo(`t${i}`);
  await clock.advance(0);
  broker.hold(true);
  const sinks = Array.from({ length: 12 }, (_, i) => subscribeTo(`t${i % 6}`, 'start'));
  await clock.advance(0);
  expect(broker.underWay).toBe(2);
  broker.hold(false);
  await clock.advance(0);
  for (const { heard } of sinks) expect(heard).toEqual(['subscribed new 1', 'replayed "a"', 'live 1']);
  expect([broker.mostUnderWay, core.stats.singleFlightHits]).toEqual([2, 6]);
});

test('catches up over more messages than one answer of the broker holds', async () => {
  const { clock, subscribeTo, publish } = setUp({}, { history: { ...HISTORY, messages: 5000, bytes: 16_777_216 } });
  const texts = Array.from({ length: 1200 }, (_, i) => `${i}${'.'.repeat(i % 10 === 0 ? 10_000 : 10)}`);
  for (const text of texts) await publish('t', text);
  const sinks = [subscribeTo('t', 'start'), subscribeTo('t', 'start')];
  await clock.advance(1000);
  const late = subscribeTo('t', { last: 700 });
  await clock.advance(1000);
  for (const { heard } of sinks) {
    expect(heard.slice(1, -1)).toEqual(texts.map((text) => `replayed "${text}"`));
    expect([heard[0], heard.at(-1)]).toEqual(['subscribed new 1200', 'live 1200']);
  }
  expect([late.heard[1], late.heard.at(-1)]).toEqual([`replayed "${texts[500]}"`, 'live 700']);
});

test('keeps at most 1 MiB of announcements while it asks the broker, and asks once more for what was beyond', async () => {
  const { clock, broker, core, subscribeTo, publish } = setUp({}, { history: { ...HISTORY, bytes: 16_777_216 } });
  const sink = subscribeTo('t');
  await clock.advance(0);
  broker.mute.add('t');
  await publish('t', 'missed');
  broker.mute.clear();
  broker.hold(true);
  // The first one raises the doubt; with the last one it is more than 1 MiB.
  const texts = Array.from({ length: 19 }, (_, i) => `${i}${'.'.repeat(60_000)}`);
  for (const text of texts) await publish('t', text);
  await clock.advance(0);
  broker.hold(false);
  await clock.advance(0);
  expect(sink.data).toEqual(['missed', ...texts]);
  expect(core.stats.holesRepaired).toBe(20);
});

test('tells a new subscriber that the broker is away, and keeps those it has', async () => {
  const { clock, broker, subscribeTo, publish } = setUp();
  const old = subscribeTo('t');
  await clock.advance(0);
  broker.isDown = true;
  const sink = subscribeTo('u');
  await clock.advance(11_000);
  expect(sink.heard).toEqual(['failed broker-down']);
  broker.isDown = false;
  const late = subscribeTo('u');
  await clock.advance(6000);
  await publish('t', 'a');
  await clock.advance(0);
  expect([late.heard, old.data]).toEqual([['subscribed new 0'], ['a']]);
});

test('refuses a subscription to one topic too many, and delivers nothing after end', async () => {
  const { clock, core, subscribeTo, publish } = setUp({ topics: 1 });
  const sink = new RecordingFeedSink();
  const feed = core.subscribe('t', 'now', sink);
  const refused = subscribeTo('u');
  await clock.advance(0);
  const published = publish('t', 'a');
  feed.end();
  await published;
  await clock.advance(0);
  expect([refused.heard, sink.heard]).toEqual([['failed limit'], ['subscribed new 0']]);
});

test('tells of an entry of a later version, which it cannot read', async () => {
  const { clock, broker, subscribeTo, publish } = setUp();
  const sink = subscribeTo('t');
  await clock.advance(0);
  await publish('t', 'a');
  await broker.append([{ topic: 't', keep: HISTORY, bytes: Buffer.from([9, 9, 9]) }]);
  await publish('t', 'b');
  await clock.advance(0);
  expect(sink.heard).toEqual(['subscribed new 0', '"a"', 'gap trimmed', '"b"']);
});

test('gives history and state, and all it has behind a position that the log does not know', async () => {
  const { clock, core, publish } = setUp({}, { rules: [{ prefix: 'short/', history: { ...HISTORY, messages: 1 } }] });
  for (const [text, key] of [['a', 'k'], ['b', 'k'], ['c']] as const) await publish('t', text, { key });
  await publish('short/t', 'a');
  await publish('short/t', 'b');
  const read = async (topic: string, after: string | undefined, limit: number): Promise<unknown> => {
    const { entries, hasMore } = await core.history(topic, after, limit);
    return [entries.map(({ data }) => data), hasMore];
  };
  const { entries } = await core.history('t', undefined, 500);
  expect(await read('t', undefined, 2)).toEqual([['"b"', '"c"'], false]);
  expect(await read('t', entries[0]?.position, 1)).toEqual([['"b"'], true]);
  expect(await read('t', 'zz.1.1', 500)).toEqual([['"a"', '"b"', '"c"'], false]);
  expect(await read('short/t', undefined, 500)).toEqual([['"b"'], false]);
  expect((await core.state('t')).map(({ data }) => data)).toEqual(['"b"']);
  await clock.advance(0);
});

test('names the error of the broker', async () => {
  const { core, broker } = setUp();
  broker.isDown = true;
  await expect(core.history('t', undefined, 1)).rejects.toMatchObject({ code: 'ERR_BROKER_DOWN' });
  broker.read = () => Promise.reject(new BrokerError('unsupported', 'no state here'));
  await expect(core.state('t')).rejects.toMatchObject({ code: 'ERR_BROKER_UNSUPPORTED' });
  await core.close();
  await expect(core.state('t')).rejects.toMatchObject({ code: 'ERR_BROKER_DOWN' });
});

test('gives up a question for the history behind 10 s, and does not ask it when the broker opens later', async () => {
  const broker = new SpiedBroker();
  const open = broker.open.bind(broker);
  broker.open = () => Promise.reject(new BrokerError('down', 'not yet'));
  const { clock, core } = setUp({}, {}, broker);
  const asked = core.history('t', undefined, 1).then(
    () => 'answered',
    (error: unknown) => (error as { readonly code: string }).code,
  );
  await clock.advance(9900);
  await clock.advance(200);
  expect(await Promise.race([asked, Promise.resolve('nothing')])).toBe('ERR_BROKER_DOWN');
  broker.open = open;
  await clock.advance(1100);
  expect([core.stats.brokerState, broker.reads]).toEqual(['up', []]);
});

test('refuses who comes after its end in true words, and ends whatever becomes of the broker', async () => {
  const { clock, core, broker } = setUp();
  broker.close = () => Promise.reject(new Error('the socket was gone'));
  await core.close();
  const onFailed: unknown[] = [];
  const sink = Object.assign(new RecordingFeedSink(), { onFailed: (...problem: string[]) => onFailed.push(problem) });
  core.subscribe('t', 'now', sink);
  await clock.advance(0);
  expect(onFailed).toEqual([['broker-down', 'the server has ended']]);
});

test('publishes on its channel what goes wrong with the broker', async () => {
  const messages: unknown[] = [];
  const listener = (message: unknown): void => void messages.push(message);
  subscribe('4d-websocket:topics', listener);
  onTestFinished(() => void unsubscribe('4d-websocket:topics', listener));
  const { clock, broker, subscribeTo, publish } = setUp();
  subscribeTo('t');
  await clock.advance(0);
  broker.mute.add('t');
  await publish('t', 'a');
  broker.sink?.onState('down');
  broker.sink?.onState('up');
  broker.sink?.onDoubt(['t']);
  await clock.advance(100);
  expect(messages).toEqual([
    { type: 'broker', state: 'up' },
    { type: 'broker', state: 'down' },
    { type: 'broker', state: 'up' },
    { type: 'difference', topic: 't' },
    { type: 'repaired', topic: 't', entries: 1 },
  ]);
});
