import { expect, test } from 'vitest';
import type { Append, Appended } from '../../src/topics/broker.ts';
import { brokerContract } from '../contract/broker.ts';
import { createRandom } from '../soak/random.ts';
import { BrokerListener, texts } from './broker-listener.ts';
import { type Faults, FaultyLogs } from './faulty-broker.ts';
import { TurnSchedule } from './turn-schedule.ts';

const KEEP = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };

function makeLogs(faults: Partial<Faults>, seed = 1, isFenced = false): { logs: FaultyLogs; schedule: TurnSchedule } {
  const schedule = new TurnSchedule();
  return { logs: new FaultyLogs({ ...schedule.parts, random: createRandom(seed), faults, isFenced }), schedule };
}

function put(text: string): Append {
  return { topic: 't', keep: KEEP, bytes: Buffer.from(text) };
}

// Nothing fails, but all takes time: what the contract demands does not depend on a broker that answers at once.
brokerContract('slow memory', async () => {
  const { logs, schedule } = makeLogs({ delayMs: 5 }, 1, true);
  return {
    interrupt: async () => {
      await schedule.pass(Math.random() * 10);
      logs.disconnect(5);
    },
    connect: () => logs.connect(),
    pass: (milliseconds) => schedule.pass(milliseconds),
    longestPassMs: Infinity,
    hasState: true,
    largestBytes: 1_048_576,
  };
});

test('a failover loses a suffix: those who saw it have forked, others have not', async () => {
  const { logs } = makeLogs({ delayMs: 5 });
  const broker = logs.connect();
  const listener = new BrokerListener();
  await broker.open(listener);
  await broker.watch(['t']);
  const [a, b] = (await broker.append([put('a'), put('b')])) as readonly Appended[];
  await listener.until(() => listener.heard.length === 2);
  logs.failOver(1, 100);
  await expect(broker.append([put('refused')])).rejects.toMatchObject({ code: 'down' });
  await listener.until(() => listener.doubts.length === 1);
  expect(listener.states).toEqual(['down', 'up']);
  await broker.append([put('c')]);
  await listener.until(() => listener.heard.length === 3);
  const slices = await broker.read([a!, b!].map((after) => ({ topic: 't', after, limit: 9, maxBytes: 999 })));
  expect(slices.map(({ gap, entries }) => gap ?? texts(entries))).toEqual([['c'], 'forked']);
  expect(texts(logs.stored.map(({ append, offset, tag }) => ({ ...append, offset, tag, prev: 0, at: 0 })))).toEqual([
    'a',
    'c',
  ]);
  logs.kill(100);
  await listener.until(() => listener.doubts.length === 2);
  expect(await broker.read([{ topic: 't', after: a!, limit: 9, maxBytes: 999 }])).toMatchObject([{ gap: 'epoch' }]);
  await broker.close();
});

/** Appends 50 entries while much goes wrong. */
async function appendWithFaults(seed: number): Promise<string> {
  const faults = { drop: 0.2, double: 0.2, reorder: 0.2, refuse: 0.1, loseAnswer: 0.2, failRead: 0.2, delayMs: 5 };
  const { logs, schedule } = makeLogs({}, seed);
  const broker = logs.connect();
  const listener = new BrokerListener();
  await broker.open(listener);
  await broker.watch(['t']);
  Object.assign(logs.faults, faults);
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      broker.append([put(`${i}`)]).then(
        ([answer]) => (answer instanceof Error ? 'refused' : 'stored'),
        (error: { code: string }) => error.code,
      ),
    ),
  );
  expect(new Set(outcomes)).toEqual(new Set(['stored', 'refused', 'unknown']));
  await schedule.pass(1000);
  const heard = listener.textsOf('t').map(Number);
  const isOrdered = heard.every((text, i) => i === 0 || text > heard[i - 1]!);
  expect(isOrdered).toBe(false);
  expect(new Set(heard).size).toBeLessThan(Math.min(heard.length, logs.stored.length));
  await broker.close();
  return `${outcomes.join()} ${heard.join()}`;
}

test('faults come by chance, and the same for the same seed', async () => {
  const first = await appendWithFaults(7);
  expect(await appendWithFaults(7)).toBe(first);
  expect(await appendWithFaults(8)).not.toBe(first);
});
