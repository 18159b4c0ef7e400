import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { timers } from '../../src/base/timers.ts';
import { monotonicMs, wallMs } from '../../src/base/clock.ts';
import { type Append, type Appended, BrokerError, type BrokerErrorCode } from '../../src/topics/broker.ts';
import { Outbox, OUTBOX_LIMITS } from '../../src/topics/outbox.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { createRandom } from '../soak/random.ts';
import { FaultyLogs, NO_FAULTS } from './faulty-broker.ts';

const KEEP = { messages: 10_000, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };

function put(topic: string, text: string, more: Partial<Append> = {}): Append {
  return { topic, keep: KEEP, bytes: Buffer.from(text), ...more };
}

/** A broker that answers when the test says so. */
class HandBroker {
  isFenced = false;
  readonly batches: string[] = [];
  #answers: ((outcomes: readonly (Appended | BrokerError)[] | BrokerError) => void)[] = [];
  #sizes: number[] = [];
  #offset = 0;

  append(batch: readonly Append[]): Promise<readonly (Appended | BrokerError)[]> {
    this.batches.push(batch.map(({ bytes }) => bytes.toString()).join(' '));
    this.#sizes.push(batch.length);
    return new Promise((resolve, reject) => {
      this.#answers.push((outcomes) => (outcomes instanceof BrokerError ? reject(outcomes) : resolve(outcomes)));
    });
  }

  /** Answers the oldest batch: each append as the list says, stored where it says nothing. */
  async answer(...codes: (BrokerErrorCode | undefined)[]): Promise<void> {
    const outcomes = Array.from({ length: this.#sizes.shift()! }, (_, i) =>
      codes[i]
        ? new BrokerError(codes[i], 'by the test')
        : { epoch: 'e', offset: ++this.#offset, tag: 1, isDuplicate: false },
    );
    this.#answers.shift()!(outcomes);
    await setImmediate();
    await setImmediate();
  }

  async reject(code: BrokerErrorCode): Promise<void> {
    this.#sizes.shift();
    this.#answers.shift()!(new BrokerError(code, 'by the test'));
    await setImmediate();
  }
}

/** Publishes, and tells the outcome in a word. */
function outcomeOf(outbox: Outbox, append: Append): Promise<string> {
  return outbox.append(append).then(
    ({ offset, isDuplicate }) => (isDuplicate ? `duplicate of ${offset}` : `at ${offset}`),
    ({ code, stored }: { code: string; stored: string }) => `${code} ${stored}`,
  );
}

function open(limits: Partial<typeof OUTBOX_LIMITS> = {}, isFenced = false): { broker: HandBroker; outbox: Outbox } {
  const broker = new HandBroker();
  broker.isFenced = isFenced;
  const outbox = new Outbox(broker, { ...OUTBOX_LIMITS, ...limits });
  outbox.onState('up');
  return { broker, outbox };
}

describe('an outbox', () => {
  test('sends what one turn publishes in one batch, and a topic again when it is answered', async () => {
    const { broker, outbox } = open();
    const outcomes = ['1', '2'].flatMap((n) => ['a', 'b'].map((topic) => outcomeOf(outbox, put(topic, topic + n))));
    expect(broker.batches).toEqual([]);
    await setImmediate();
    outcomes.push(outcomeOf(outbox, put('a', 'a3')), outcomeOf(outbox, put('c', 'c1')));
    await setImmediate();
    expect(broker.batches).toEqual(['a1 a2 b1 b2', 'c1']);
    await broker.answer();
    expect(broker.batches).toEqual(['a1 a2 b1 b2', 'c1', 'a3']);
    await broker.answer();
    await broker.answer();
    expect(await Promise.all(outcomes)).toEqual(['at 1', 'at 3', 'at 2', 'at 4', 'at 6', 'at 5']);
    expect(outbox.waiting).toBe(0);
  });

  test('has so many messages in flight at most, of one topic those of one batch', async () => {
    const { broker, outbox } = open({ inFlight: 3 });
    const publish = (topic: string, ...all: string[]): Promise<string>[] =>
      all.map((text) => outcomeOf(outbox, put(topic, text)));
    const outcomes = publish('a', '1', '2');
    await setImmediate();
    outcomes.push(...publish('b', 'b1'), ...publish('a', '3', '4', '5'));
    await setImmediate();
    expect(broker.batches).toEqual(['1 2', 'b1']);
    await broker.answer();
    await broker.answer();
    expect(broker.batches).toEqual(['1 2', 'b1', '3 4']);
    await broker.answer();
    await broker.answer();
    expect(broker.batches.slice(3)).toEqual(['5']);
    expect(await Promise.all(outcomes)).toEqual(['at 1', 'at 2', 'at 3', 'at 4', 'at 5', 'at 6']);
  });

  test('sends again what was not carried out, in order, before newer messages, when the broker is back', async () => {
    const clock = useFakeClock();
    const { broker, outbox } = open();
    const outcomes = ['1', '2', '3'].map((text) => outcomeOf(outbox, put('a', text)));
    await setImmediate();
    outcomes.push(outcomeOf(outbox, put('a', '4')));
    await broker.answer(undefined, 'down', 'down');
    expect(broker.batches).toEqual(['1 2 3']);
    await clock.advance(100);
    expect(broker.batches).toEqual(['1 2 3', '2 3 4']);
    outbox.onState('down');
    await broker.reject('down');
    await clock.advance(5000);
    expect(broker.batches).toHaveLength(2);
    outbox.onState('up');
    await setImmediate();
    await broker.answer();
    expect(broker.batches.slice(2)).toEqual(['2 3 4']);
    expect(await Promise.all(outcomes)).toEqual(['at 1', 'at 2', 'at 3', 'at 4']);
  });

  test('goes on with other topics while one is not carried out', async () => {
    const clock = useFakeClock();
    const { broker, outbox } = open();
    const outcomes = ['a', 'b'].map((topic) => outcomeOf(outbox, put(topic, topic)));
    await setImmediate();
    outcomes.push(outcomeOf(outbox, put('b', 'b2')), outcomeOf(outbox, put('a', 'a2')));
    await broker.answer('down');
    expect(broker.batches).toEqual(['a b', 'b2']);
    await broker.answer();
    expect(broker.batches).toHaveLength(2);
    await clock.advance(100);
    expect(broker.batches).toEqual(['a b', 'b2', 'a a2']);
    await broker.answer();
    expect(await Promise.all(outcomes)).toEqual(['at 3', 'at 1', 'at 2', 'at 4']);
  });

  test('does not send again what may be stored, unless it has an idempotency key', async () => {
    const clock = useFakeClock();
    const { broker, outbox } = open();
    const outcomes = [
      outcomeOf(outbox, put('a', 'no key')),
      outcomeOf(outbox, put('a', 'key', { idempotencyKey: 'k' })),
      outcomeOf(outbox, put('a', 'volatile', { idempotencyKey: 'k', isVolatile: true })),
    ];
    await setImmediate();
    await broker.reject('unknown');
    await clock.advance(100);
    expect(broker.batches).toEqual(['no key key volatile', 'key']);
    await broker.answer();
    expect(await Promise.all(outcomes)).toEqual(['ERR_BROKER_DOWN unknown', 'at 1', 'ERR_BROKER_DOWN unknown']);
  });

  test('gives a broker with a fence again what may be stored, and says then whether it is', async () => {
    const clock = useFakeClock();
    const { broker, outbox } = open({}, true);
    const outcomes = ['1', '2'].map((text) => outcomeOf(outbox, put('a', text)));
    outcomes.push(outcomeOf(outbox, put('a', 'volatile', { isVolatile: true })));
    await setImmediate();
    outcomes.push(outcomeOf(outbox, put('a', '3')));
    await broker.reject('unknown');
    await clock.advance(100);
    expect(broker.batches).toEqual(['1 2 volatile', '1 2 3']);
    await broker.answer(undefined, 'full', 'unknown');
    outbox.onState('down');
    await clock.advance(11_000);
    expect(await Promise.all(outcomes)).toEqual([
      'at 1',
      'ERR_BROKER_FULL no',
      'ERR_BROKER_DOWN unknown',
      'ERR_BROKER_DOWN unknown',
    ]);
    const last = outcomeOf(outbox, put('a', '4'));
    outbox.onState('up');
    await setImmediate();
    await broker.reject('unknown');
    await clock.advance(1000);
    await broker.answer('down');
    outbox.close();
    expect(await last).toBe('ERR_BROKER_DOWN no');
  });

  test('tells what the broker refuses', async () => {
    const { broker, outbox } = open();
    const outcomes = ['1', '2', '3'].map((text) => outcomeOf(outbox, put('a', text)));
    await setImmediate();
    await broker.answer('full', 'unsupported');
    expect(await Promise.all(outcomes)).toEqual(['ERR_BROKER_FULL no', 'ERR_BROKER_UNSUPPORTED no', 'at 1']);
  });

  test('holds so many messages and bytes while the broker is away, and no volatile one', async () => {
    const { broker, outbox } = open({ messages: 2, bytes: 10 });
    outbox.onState('down');
    const first = outcomeOf(outbox, put('a', '12345'));
    expect(await outcomeOf(outbox, put('a', '123456'))).toBe('ERR_OUTBOX_FULL no');
    expect(await outcomeOf(outbox, put('a', '1', { isVolatile: true }))).toBe('ERR_BROKER_DOWN no');
    const second = outcomeOf(outbox, put('a', '12345'));
    expect(await outcomeOf(outbox, put('a', ''))).toBe('ERR_OUTBOX_FULL no');
    outbox.onState('up');
    await setImmediate();
    await broker.answer();
    expect(await Promise.all([first, second])).toEqual(['at 1', 'at 2']);
    const third = outcomeOf(outbox, put('a', '1234567890'));
    await setImmediate();
    await broker.answer();
    expect(await third).toBe('at 3');
  });

  test('gives a message up after 10 s, and says whether it may be stored', async () => {
    const clock = useFakeClock();
    const { broker, outbox } = open();
    const inFlight = outcomeOf(outbox, put('a', 'in flight', { idempotencyKey: 'k' }));
    await setImmediate();
    const waiting = outcomeOf(outbox, put('a', 'waiting'));
    await clock.advance(9900);
    expect(outbox.waiting).toBe(2);
    const later = outcomeOf(outbox, put('a', 'later'));
    const isEmpty = outbox.onceEmpty();
    await clock.advance(400);
    expect(await Promise.all([inFlight, waiting])).toEqual(['ERR_BROKER_DOWN unknown', 'ERR_BROKER_DOWN no']);
    await broker.reject('unknown');
    await clock.advance(100);
    expect(broker.batches).toEqual(['in flight', 'later']);
    await broker.answer();
    expect(await later).toBe('at 1');
    await isEmpty;
    await clock.advance(1000);
    expect(timers.pendingTicks).toBe(0);
  });

  test('gives up what follows in a series, so that what comes again is in front of it', async () => {
    const clock = useFakeClock();
    const { broker, outbox } = open({ waitMs: 1000 });
    const series = {};
    const outcomeIn = (append: Append, of?: object): Promise<string> =>
      outbox.append(append, of).then(
        ({ offset }) => `at ${offset}`,
        ({ stored }: { stored: string }) => stored,
      );
    const outcomes = [outcomeIn(put('a', '1'), series)];
    await setImmediate();
    await clock.advance(600);
    outcomes.push(outcomeIn(put('a', '2'), series), outcomeIn(put('a', '3'), {}), outcomeIn(put('b', '4'), series));
    await clock.advance(600);
    await setImmediate();
    await broker.answer('down');
    await broker.answer();
    await clock.advance(100);
    await setImmediate();
    await broker.answer();
    expect([broker.batches, await Promise.all(outcomes)]).toEqual([
      ['1', '4', '3'],
      ['unknown', 'no', 'at 2', 'at 1'],
    ]);
  });

  test('does not send again what is in flight behind one of its series that was given up', async () => {
    const clock = useFakeClock();
    const { broker, outbox } = open({ waitMs: 1000 });
    outbox.onState('down');
    const series = {};
    const outcomes = [outbox.append(put('a', '1'), series)];
    await clock.advance(500);
    outcomes.push(outbox.append(put('a', '2'), series));
    outbox.onState('up');
    await setImmediate();
    const settled = Promise.allSettled(outcomes);
    await clock.advance(750);
    await broker.answer('down', 'down');
    await clock.advance(100);
    await setImmediate();
    const reasons = (await settled).map((each) => (each as { reason: { stored: string } }).reason.stored);
    expect([broker.batches, reasons]).toEqual([['1 2'], ['unknown', 'no']]);
  });

  test('gives up everything when it is closed', async () => {
    const { broker, outbox } = open();
    const inFlight = outcomeOf(outbox, put('a', 'in flight'));
    await setImmediate();
    const waiting = outcomeOf(outbox, put('a', 'waiting'));
    outbox.close();
    await outbox.onceEmpty();
    expect(await Promise.all([inFlight, waiting, outcomeOf(outbox, put('a', 'late'))])).toEqual([
      'ERR_BROKER_DOWN unknown',
      'ERR_BROKER_DOWN no',
      'ERR_BROKER_DOWN no',
    ]);
    await broker.answer('down');
    expect(broker.batches).toEqual(['in flight']);
  });

  test.each(Array.from({ length: 20 }, (_, i) => ({ seed: i + 1, isFenced: i % 2 === 1 })))(
    'stores what it says it has, once and in order, behind a bad network ($seed, with a fence: $isFenced)',
    async ({ seed, isFenced }) => {
      const clock = useFakeClock();
      const random = createRandom(seed);
      const logs = new FaultyLogs({
        clock: { monotonicMs, wallMs },
        random,
        isFenced,
        schedule: (delayMs, callback) => timers.schedule({ onDeadline: callback }, delayMs),
      });
      const broker = logs.connect();
      const outbox = new Outbox(broker);
      void broker.open({ onEntry: () => {}, onDoubt: () => {}, onState: (state) => outbox.onState(state) });
      await clock.advance(200);
      outbox.onState('up');
      Object.assign(logs.faults, { refuse: 0.2, loseAnswer: 0.1, delayMs: 400 });
      const outcomes: Promise<string>[] = [];
      for (let i = 0; i < 200; i++) {
        const idempotencyKey = random() < 0.5 ? `${i}` : undefined;
        outcomes.push(outcomeOf(outbox, put(`t${i % 3}`, `${i}`, { idempotencyKey })));
        if (random() < 0.3) await clock.advance(Math.floor(random() * 300));
        if (random() < 0.02) logs.disconnect(random() * 3000);
        if (random() < 0.01) logs.pause(random() * 12_000);
      }
      await clock.advance(15_000);
      Object.assign(logs.faults, NO_FAULTS);
      await clock.advance(30_000);
      const told = await Promise.all(outcomes);
      const texts = logs.stored.map(({ append }) => Number(append.bytes.toString()));
      expect(new Set(texts).size).toBe(texts.length);
      for (let t = 0; t < 3; t++) {
        const ofTopic = texts.filter((text) => text % 3 === t);
        expect(ofTopic).toEqual(ofTopic.toSorted((a, b) => a - b));
      }
      for (const [i, outcome] of told.entries()) {
        if (outcome === 'ERR_BROKER_DOWN unknown') continue;
        expect(`${outcome} ${texts.includes(i)}`).toMatch(/^(at|duplicate of) \d+ true$|^ERR_\w+ no false$/);
      }
      expect(told.filter((outcome) => /^(at|dup)/.test(outcome)).length).toBeGreaterThan(50);
      await broker.close();
    },
  );
});
