import { describe, expect, test } from 'vitest';
import { timers } from '../../src/base/timers.ts';
import type { Append, Appended, Broker, ReadQuery, Slice } from '../../src/topics/broker.ts';
import { memoryBroker } from '../../src/topics/memory-broker.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';
import { errorOf } from '../helpers/error-of.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { createRandom } from '../soak/random.ts';
import { BrokerListener, texts } from './broker-listener.ts';

const KEEP = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };

function put(topic: string, text: string, more: Partial<Append> = {}): Append {
  return { topic, keep: KEEP, bytes: Buffer.from(text), ...more };
}

/** Logs with one broker, on the clock of the library. */
async function open(maxBytes?: number): Promise<{ logs: MemoryLogs; broker: Broker; listener: BrokerListener }> {
  const random = createRandom(1);
  const logs = new MemoryLogs({ maxBytes, random: () => Math.floor(random() * 2 ** 32) });
  const broker = logs.connect();
  const listener = new BrokerListener();
  await broker.open(listener);
  return { logs, broker, listener };
}

async function append(broker: Broker, ...batch: Append[]): Promise<Appended[]> {
  return (await broker.append(batch)) as Appended[];
}

async function read(broker: Broker, topic: string, more: Partial<ReadQuery> = {}): Promise<Slice> {
  const [slice] = await broker.read([{ topic, limit: 100, maxBytes: 1_000_000, ...more }]);
  return slice!;
}

describe('the memory broker', () => {
  test('forgets a topic that nobody watches after its time, and its positions are trimmed from then on', async () => {
    const clock = useFakeClock();
    const { logs, broker } = await open();
    const keep = { ...KEEP, stateSeconds: 3600 };
    const [, old] = await append(broker, put('a', '1', { keep, key: 'k' }), put('a', '2', { keep }));
    await clock.advance(3_540_000);
    expect((await read(broker, 'a', { isStateWanted: true })).state).toHaveLength(1);
    await clock.advance(120_000);
    expect(logs.size).toBe(0);
    expect(logs.bytes).toBe(0);
    const slice = await read(broker, 'a', { after: old!, isStateWanted: true });
    expect(slice).toMatchObject({ gap: 'trimmed', entries: [], state: [], head: { offset: 3 } });
    const [next] = await append(broker, put('a', '3'));
    expect(next).toMatchObject({ epoch: old!.epoch, offset: 4 });
    expect((await read(broker, 'a')).entries).toMatchObject([{ prev: 3, prevTag: slice.head.tag }]);
    expect((await read(broker, 'a', { after: { ...slice.head, epoch: slice.epoch } })).gap).toBeUndefined();
    expect((await read(broker, 'a', { after: { offset: 3, tag: 1, epoch: slice.epoch } })).gap).toBe('forked');
    // All topics that begin from now on begin there, also those that never were.
    expect((await read(broker, 'other', { limit: 0 })).head).toEqual(slice.head);
    await broker.close();
  });

  test('forgets no topic that is watched, and remembers it for ten minutes more', async () => {
    const clock = useFakeClock();
    const { logs, broker } = await open();
    await broker.watch(['a', 'b']);
    const { epoch, head } = await read(broker, 'a', { limit: 0 });
    const keep = { ...KEEP, stateSeconds: 60 };
    // A third topic is forgotten meanwhile, which raises the floor.
    const [last] = await append(broker, put('b', '1', { keep }), put('c', '1', { keep }));
    await clock.advance(3_600_000);
    expect(logs.size).toBe(2);
    broker.unwatch(['a', 'b']);
    await clock.advance(590_000);
    expect(await read(broker, 'a', { after: { epoch, ...head } })).toMatchObject({ head, gap: undefined });
    expect((await read(broker, 'b', { after: last! })).gap).toBeUndefined();
    await clock.advance(30_000);
    expect(logs.size).toBe(0);
    await broker.close();
  });

  test('makes no topic of a question about one that nobody watches', async () => {
    const { logs, broker } = await open();
    const { epoch, head } = await read(broker, 'a');
    expect(logs.size).toBe(0);
    await append(broker, put('a', '1'));
    expect(texts((await read(broker, 'a', { after: { epoch, ...head } })).entries)).toEqual(['1']);
    await broker.close();
  });

  test('lets go of what is old in topics that nobody touches', async () => {
    const clock = useFakeClock();
    const { logs, broker } = await open();
    const names = Array.from({ length: 5000 }, (_, i) => `t${i}`);
    await append(
      broker,
      ...names.map((name) => put(name, 'x'.repeat(1000), { ttl: 200, key: 'k', idempotencyKey: 'k' })),
    );
    const full = logs.bytes;
    await clock.advance(320_000);
    expect(logs.size).toBe(5000);
    expect(logs.bytes).toBeLessThan(full / 8);
    await broker.close();
    expect(timers.pendingTicks).toBe(0);
  });

  test('forgets the topics that have been idle for longest when its memory is used up', async () => {
    const { logs, broker, listener } = await open(65_536);
    await broker.watch(['watched']);
    const text = 'x'.repeat(4000);
    const [a, watched] = await append(broker, put('a', text), put('watched', text), put('b', text));
    await append(broker, put('a', text));
    for (let i = 0; i < 40; i++) {
      await append(broker, put(`filler/${i % 5}`, text, { keep: { ...KEEP, messages: 2 } }));
      expect(logs.bytes).toBeLessThanOrEqual(65_536);
    }
    const gapBehind = async (topic: string, after: Appended): Promise<unknown> =>
      (await read(broker, topic, { after })).gap;
    expect(listener.doubts).toEqual([]);
    expect(await gapBehind('a', a!)).toBeUndefined();
    for (let i = 0; i < 3; i++) await append(broker, put(`more/${i}`, text));
    // Whoever watches a topic hears of it at once, and has a position in it from then on.
    expect(listener.doubts).toEqual([['watched']]);
    const slice = await read(broker, 'watched', { after: watched! });
    expect(slice.gap).toBe('trimmed');
    expect((await read(broker, 'watched', { after: { ...slice.head, epoch: slice.epoch } })).gap).toBeUndefined();
    expect((await read(broker, 'b')).entries).toEqual([]);
    expect(await gapBehind('a', a!)).toBeUndefined();
    await broker.close();
  });

  test('has no room for an entry larger than its memory, and goes on with the next one', async () => {
    const { logs, broker } = await open(65_536);
    const huge = put('a', 'x'.repeat(70_000));
    const answers = await broker.append([put('a', 'small'), huge, put('a', 'next')]);
    expect(answers).toMatchObject([{ offset: 1 }, { code: 'full' }, { offset: 2 }]);
    // Names of topics that were refused take no memory either.
    await broker.append(Array.from({ length: 100 }, (_, i) => ({ ...huge, topic: `new/${i}` })));
    expect(logs.size).toBe(1);
    // The state of one topic may be what uses the memory up.
    for (let i = 0; i < 200; i++) await append(broker, put('a', 'x'.repeat(1000), { key: `${i}` }));
    expect(logs.bytes).toBeLessThanOrEqual(65_536);
    expect((await read(broker, 'a', { isStateWanted: true })).state?.at(-1)?.key).toBe('199');
    await broker.close();
  });

  test('keeps nothing of a pool that entries are made in', async () => {
    const { broker } = await open();
    const pool = Buffer.alloc(65_536, 'a');
    const parts = [pool.subarray(0, 100), pool.subarray(100, 10_100)];
    await append(broker, ...parts.map((bytes) => put('a', '', { bytes })));
    pool.fill('b');
    expect(texts((await read(broker, 'a')).entries)).toEqual(['a'.repeat(100), 'a'.repeat(10_000)]);
    await broker.close();
  });

  test('knows an idempotency key for its time, also when the topic is forgotten sooner', async () => {
    const clock = useFakeClock();
    const { broker } = await open();
    const keep = { ...KEEP, stateSeconds: 1 };
    await append(broker, put('a', '1'));
    const [first] = await append(broker, put('a', 'once', { keep, idempotencyKey: 'k' }));
    await clock.advance(60_000);
    expect(await append(broker, put('a', 'once', { keep, idempotencyKey: 'k' }))).toEqual([
      { ...first, isDuplicate: true },
    ]);
    await clock.advance(60_000);
    expect((await append(broker, put('a', 'once', { keep, idempotencyKey: 'k' })))[0]?.isDuplicate).toBe(false);
    await broker.close();
  });

  test('keeps the times of entries apart from the time of the system', async () => {
    const clock = useFakeClock();
    const { broker } = await open();
    await append(broker, put('a', '1', { ttl: 60 }));
    clock.now += 3_600_000;
    await append(broker, put('a', '2'));
    const { entries } = await read(broker, 'a');
    expect(texts(entries)).toEqual(['1', '2']);
    expect(entries[1]!.at - entries[0]!.at).toBe(3_600_000);
    await broker.close();
  });

  test('has another epoch in each process, and positions of at most 40 characters', async () => {
    const epochs = await Promise.all(
      [memoryBroker(), memoryBroker({ maxBytes: Infinity })].map(async (broker) => {
        await broker.open(new BrokerListener());
        const { epoch } = await read(broker, 'a');
        await broker.close();
        return epoch;
      }),
    );
    expect(epochs[0]).toMatch(/^[0-9a-z]{1,16}$/);
    expect(epochs[0]).not.toBe(epochs[1]);
  });

  test.each([[{ maxBytes: 1000 }], [{ maxBytes: Number.NaN }], [{ maxBytes: '1' }], [{ maxbytes: 1_000_000 }]])(
    'refuses the options %j',
    (options) => expect(errorOf(() => memoryBroker(options as never)).code).toBe('ERR_INVALID_OPTION'),
  );
});
