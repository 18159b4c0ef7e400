import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type Append,
  type Broker,
  BrokerError,
  type Place,
  type ReadQuery,
  type Retention,
  type Slice,
} from '../../src/topics/broker.ts';
import { placesOf, texts } from '../topics/broker-listener.ts';
import { checkChain, KEEP, Node, otherTag, parts, put, repeatUntil, shown, toQuery } from './broker-node.ts';

/** Brokers that share their logs, and what a test may ask of them. */
export interface Brokers {
  /** Makes one more broker, which is not open. The suite closes it. */
  connect(): Broker;
  /** Lets time pass for the broker: at once by a clock of the test, or by waiting. */
  pass(milliseconds: number): Promise<void>;
  /** The longest time that {@link pass} may take; tests that need more are skipped. */
  readonly longestPassMs: number;
  /** False where `key`, `owner` and `ifOwner` are unsupported. */
  readonly hasState: boolean;
  /** Bytes of the largest entry. */
  readonly largestBytes: number;
  /** Loses the connections of all brokers, whatever is under way; undefined where there are none. */
  readonly interrupt?: () => Promise<void>;
}

const MANY_TOPICS = 100_000;

/** Keeps all that a test sends. */
const MANY: Retention = { ...KEEP, messages: 100_000, bytes: 100_000_000 };

/**
 * Tests what every {@link Broker} has to do.
 *
 * @param makeBrokers - called for each test; the logs may be those of an earlier one, topics have new names
 */
export function brokerContract(name: string, makeBrokers: () => Promise<Brokers>): void {
  let topics = 0;
  const newTopic = (): string => `${name}/${Date.now().toString(36)}/${topics++}`;

  /** Opens brokers on the same logs. */
  async function openAll(count: number): Promise<{ brokers: Brokers; nodes: Node[] }> {
    const brokers = await makeBrokers();
    const nodes: Node[] = [];
    for (let i = 0; i < count; i++) {
      const node = new Node(brokers.connect());
      onTestFinished(() => node.broker.close());
      await node.broker.open(node.listener);
      nodes.push(node);
    }
    return { brokers, nodes };
  }

  async function openOne(): Promise<{ brokers: Brokers; node: Node; topic: string }> {
    const { brokers, nodes } = await openAll(1);
    return { brokers, node: nodes[0]!, topic: newTopic() };
  }

  describe(`${name} keeps the contract of brokers`, () => {
    test('entries have one order for all nodes, and each publisher keeps its own', async () => {
      const { nodes } = await openAll(2);
      const topic = newTopic();
      for (const node of nodes) await node.broker.watch([topic]);
      const batches = nodes.flatMap((node, who) =>
        [0, 1, 2, 3, 4].map((batch) => node.append(topic, ...[0, 1, 2, 3].map((i) => `${who}:${batch * 4 + i}`))),
      );
      await Promise.all(batches);
      await Promise.all(nodes.map(({ listener }) => listener.until(() => listener.heard.length === 40)));
      const [first = [], second] = nodes.map((node) => node.listener.textsOf(topic));
      expect(second).toEqual(first);
      for (const who of [0, 1]) {
        const own = first.filter((text) => text.startsWith(`${who}:`));
        expect(own).toEqual(Array.from({ length: 20 }, (_, i) => `${who}:${i}`));
      }
      expect(texts((await nodes[0]!.read(topic)).entries)).toEqual(first);
    });

    test('what is announced is stored: the same places, chain, key and bytes', async () => {
      const { node, topic } = await openOne();
      const { epoch, head } = await node.read(topic, { limit: 0 });
      await node.broker.watch([topic]);
      const answers = await node.append(topic, 'one', 'two', 'three');
      await node.listener.until(() => node.listener.heard.length === 3);
      const announced = node.listener.entriesOf(topic);
      const stored = await node.read(topic);
      expect(shown(announced)).toEqual(shown(stored.entries));
      expect(placesOf(answers)).toEqual(placesOf(stored.entries));
      expect(stored.head).toEqual(placesOf(announced).at(-1));
      expect(new Set([epoch, stored.epoch, ...answers.map((answer) => answer.epoch)]).size).toBe(1);
      expect(node.listener.heard.every((heard) => heard.epoch === epoch)).toBe(true);
      checkChain(head, announced);
    });

    test('an announcement never comes from within the call of append', async () => {
      const { node, topic } = await openOne();
      await node.broker.watch([topic]);
      const answer = node.append(topic, 'one');
      expect(node.listener.heard).toEqual([]);
      await answer;
      await node.listener.until(() => node.listener.heard.length === 1);
    });

    test('watching, then reading, misses nothing that is published meanwhile', async () => {
      const { nodes } = await openAll(2);
      const topic = newTopic();
      const [reader, writer] = [nodes[0]!, nodes[1]!];
      const sent = Array.from({ length: 100 }, (_, i) => `${i}`);
      const writing = (async () => {
        for (const text of sent) await writer.append(topic, text);
      })();
      await writer.read(topic);
      await reader.broker.watch([topic]);
      const { entries, head } = await reader.read(topic);
      await writing;
      await writer.append(topic, 'end');
      await reader.listener.until(() => reader.listener.textsOf(topic).at(-1) === 'end');
      const live = reader.listener.entriesOf(topic).filter(({ offset }) => offset > head.offset);
      expect([...texts(entries), ...texts(live)]).toEqual([...sent, 'end']);
    });

    test('a topic that nobody watches any more is not announced', async () => {
      const { node, topic } = await openOne();
      const other = newTopic();
      await node.broker.watch([topic, other, topic]);
      await node.append(topic, 'heard');
      await node.listener.until(() => node.listener.heard.length === 1);
      node.broker.unwatch([topic]);
      await node.broker.watch([other]);
      await node.append(topic, 'not heard');
      await node.append(other, 'end');
      await node.listener.until(() => node.listener.heard.length === 2);
      expect(node.listener.textsOf(topic)).toEqual(['heard']);
    });

    test('an absent topic has a place from which on nothing is missed', async () => {
      const { node, topic } = await openOne();
      await node.broker.watch([topic]);
      const absent = await node.read(topic, { limit: 0 });
      expect(await node.read(topic)).toMatchObject({ epoch: absent.epoch, head: absent.head, entries: [] });
      const ahead = { epoch: absent.epoch, offset: absent.head.offset + 1, tag: 1 };
      expect(await node.read(topic, { after: ahead })).toMatchObject({ gap: 'forked', entries: [] });
      await node.append(topic, 'one', 'two');
      const slice = await node.read(topic, { after: { epoch: absent.epoch, ...absent.head } });
      expect(slice.gap).toBeUndefined();
      expect(texts(slice.entries)).toEqual(['one', 'two']);
      checkChain(absent.head, slice.entries);
    });

    test('a read behind an entry proves that the log knows it, by its offset and its tag', async () => {
      const { node, topic } = await openOne();
      const keep = { ...KEEP, messages: 3 };
      const [a, b, c, d, e] = await node.appendAll(
        ...['a', 'b', 'c', 'd', 'e'].map((text) => put(topic, text, { keep })),
      );
      const gapBehind = async (place: Place, epoch = a!.epoch): Promise<string> => {
        const slice = await node.read(topic, { after: { ...place, epoch } });
        const check = await node.read(topic, { after: { ...place, epoch }, limit: 0 });
        expect(check).toMatchObject({ gap: slice.gap, entries: [] });
        return slice.gap ?? texts(slice.entries).join(' ');
      };
      expect(await gapBehind(e!)).toBe('');
      expect(await gapBehind(otherTag(e!))).toBe('forked');
      expect(await gapBehind(c!)).toBe('d e');
      expect(await gapBehind(otherTag(d!))).toBe('forked');
      expect(await gapBehind(b!)).toBe('c d e');
      expect(await gapBehind(otherTag(b!))).toBe('forked');
      expect(await gapBehind(a!)).toBe('trimmed');
      expect(await gapBehind({ offset: e!.offset + 1, tag: 1 })).toBe('forked');
      expect(await gapBehind(e!, 'another')).toBe('epoch');
    });

    test('the history is trimmed by count, by bytes and by age', async () => {
      const { brokers, node } = await openOne();
      const [byCount, byBytes, byAge] = [newTopic(), newTopic(), newTopic()];
      const keptOf = async (topic: string): Promise<string> => texts((await node.read(topic)).entries).join(' ');
      for (let i = 0; i < 100; i++) await node.appendAll(put(byCount, `${i}`, { keep: { ...KEEP, messages: 2 } }));
      expect(await keptOf(byCount)).toBe('98 99');
      const keep = { ...KEEP, bytes: 10 };
      for (const text of ['1234', '5678', '9abc']) await node.appendAll(put(byBytes, text, { keep }));
      expect(await keptOf(byBytes)).toBe('5678 9abc');
      const [, newest] = await node.appendAll(
        put(byAge, 'one', { keep: { ...KEEP, seconds: 1 } }),
        put(byAge, 'two', { keep: { ...KEEP, seconds: 1 } }),
      );
      expect(await keptOf(byAge)).toBe('one two');
      await brokers.pass(1100);
      const slice = await node.read(byAge, { after: { ...newest!, epoch: newest!.epoch } });
      expect(slice).toMatchObject({ head: placesOf([newest!])[0], entries: [] });
      expect(slice.gap).toBeUndefined();
      expect(await keptOf(byAge)).toBe('');
    });

    test('a read gives what is asked for: a limit, bytes, a range, the newest ones', async () => {
      const { node, topic } = await openOne();
      const [a, b, c, d] = await node.append(topic, 'a', 'b', 'c', 'd');
      const asked = async (query: Partial<ReadQuery>): Promise<string> =>
        texts((await node.read(topic, query)).entries).join(' ');
      const after = { ...a!, epoch: a!.epoch };
      expect(await asked({ limit: 2 })).toBe('a b');
      expect(await asked({ after, limit: 2 })).toBe('b c');
      expect(await asked({ after, before: d!.offset })).toBe('b c');
      expect(await asked({ before: b!.offset })).toBe('a');
      expect(await asked({ maxBytes: 3 })).toBe('a b c');
      expect(await asked({ after, maxBytes: 0 })).toBe('b');
      expect(await asked({ last: 2 })).toBe('c d');
      expect(await asked({ last: 9 })).toBe('a b c d');
      expect(await asked({ last: 3, limit: 2 })).toBe('b c');
      expect(await asked({ last: 2, before: c!.offset })).toBe('a b');
      expect(await asked({ limit: 0 })).toBe('');
      const several = await node.broker.read([
        toQuery(topic, { last: 1 }),
        toQuery(newTopic(), { limit: 0 }),
        toQuery(topic),
      ]);
      expect(several.map(({ entries }) => entries.length)).toEqual([1, 0, 4]);
    });

    test('an idempotency key stores once in its topic, for 120 s from the first time', async (context) => {
      const { brokers, node, topic } = await openOne();
      const once = put(topic, 'once', { idempotencyKey: 'id' });
      const [first, again] = await node.appendAll(once, once);
      expect(again).toEqual({ ...first, isDuplicate: true });
      expect(first!.isDuplicate).toBe(false);
      await node.appendAll(put(topic, 'other', { idempotencyKey: 'id 2' }));
      const [elsewhere] = await node.appendAll(put(newTopic(), 'once', { idempotencyKey: 'id' }));
      expect(elsewhere!.isDuplicate).toBe(false);
      expect(texts((await node.read(topic)).entries)).toEqual(['once', 'other']);
      if (brokers.longestPassMs < 121_000) context.skip('waiting takes too long here');
      await brokers.pass(119_000);
      expect((await node.appendAll(once))[0]).toEqual({ ...first, isDuplicate: true });
      await brokers.pass(2000);
      expect((await node.appendAll(once))[0]).toMatchObject({ isDuplicate: false });
    });

    test('an append that is given again after "unknown" is stored once, and in order', async (context) => {
      const { brokers, node, topic } = await openOne();
      const { interrupt } = brokers;
      if (!node.broker.isFenced || interrupt === undefined) context.skip('this broker has no fence');
      const sent: string[] = [];
      const codes = new Set<string>();
      const storeSome = async (): Promise<void> => {
        let waiting = Array.from({ length: 100 }, (_, i) => put(topic, `${sent.length + i}`, { keep: MANY }));
        sent.push(...waiting.map(({ bytes }) => bytes.toString()));
        while (waiting.length > 0) {
          const outcomes = await node.broker.append(waiting);
          const isStored = outcomes.map((outcome) => !(outcome instanceof BrokerError));
          for (const outcome of outcomes) if (outcome instanceof BrokerError) codes.add(outcome.code);
          // What is not stored is behind what is.
          expect(isStored).toEqual(isStored.toSorted((a, b) => Number(b) - Number(a)));
          waiting = waiting.filter((_, i) => !isStored[i]);
          if (waiting.length > 0) await brokers.pass(10);
        }
      };
      for (let round = 0; round < 20; round++) await repeatUntil(interrupt!(), storeSome);
      expect(codes).toContain('unknown');
      await node.listener.until(() => node.listener.states.at(-1) === 'up');
      expect(texts(await node.readAll(topic))).toEqual(sent);
    });

    test('a later append never shortens the life of the topic and of its state', async (context) => {
      const { brokers, node, topic } = await openOne();
      if (!brokers.hasState) context.skip('this broker keeps no state');
      const [first] = await node.appendAll(put(topic, 'kept', { key: 'k', keep: { ...KEEP, stateSeconds: 3600 } }));
      await node.appendAll(put(topic, 'short', { keep: { ...KEEP, seconds: 1, stateSeconds: 1 } }));
      await brokers.pass(1100);
      expect(await node.stateOf(topic)).toEqual(['kept']);
      expect((await node.read(topic)).epoch).toBe(first!.epoch);
    });

    test('a volatile entry is announced and not stored, and so is each one when nothing is kept', async () => {
      const { node, topic } = await openOne();
      await node.broker.watch([topic]);
      const [before] = await node.append(topic, 'kept');
      const answers = await node.appendAll(
        put(topic, 'volatile', { isVolatile: true }),
        put(topic, 'nothing kept', { keep: { ...KEEP, messages: 0 } }),
      );
      expect(answers).toMatchObject([
        { offset: 0, isDuplicate: false },
        { offset: 0, isDuplicate: false },
      ]);
      await node.listener.until(() => node.listener.heard.length === 3);
      expect(node.listener.entriesOf(topic).slice(1)).toMatchObject([{ offset: 0 }, { offset: 0 }]);
      expect(node.listener.textsOf(topic)).toEqual(['kept', 'volatile', 'nothing kept']);
      const slice = await node.read(topic);
      expect(texts(slice.entries)).toEqual(['kept']);
      expect(slice.head).toEqual(placesOf([before!])[0]);
    });

    test('the state has the last entry of each key, also when the log has it no longer', async (context) => {
      const { brokers, node, topic } = await openOne();
      if (!brokers.hasState) context.skip('this broker keeps no state');
      const keep = { ...KEEP, messages: 2 };
      await node.appendAll(
        put(topic, 'ann 1', { keep, key: 'ann' }),
        put(topic, 'bob 1', { keep, key: 'bob' }),
        put(topic, 'cid 1', { keep, key: 'cid' }),
        put(topic, 'no key', { keep }),
        put(topic, 'ann 2', { keep, key: 'ann' }),
        put(topic, 'bob gone', { keep, key: 'bob', isRemoved: true }),
      );
      expect(await node.stateOf(topic)).toEqual(['ann 2', 'cid 1']);
      const slice = await node.read(topic);
      expect(slice.state).toBeUndefined();
      expect(shown(slice.entries)).toMatchObject([{ key: 'ann' }, { key: 'bob', isRemoved: true }]);
    });

    test('an entry past its ttl is neither replayed nor state, and is no gap', async (context) => {
      const { brokers, node, topic } = await openOne();
      const key = brokers.hasState ? 'k' : undefined;
      const [first] = await node.appendAll(
        put(topic, 'stays'),
        put(topic, 'short', { ttl: 1, key }),
        put(topic, 'short 2', { ttl: 1 }),
      );
      expect(texts((await node.read(topic)).entries)).toEqual(['stays', 'short', 'short 2']);
      await brokers.pass(1100);
      const nothing = await node.read(topic, { after: first! });
      expect(texts(nothing.entries)).toEqual([]);
      expect(nothing.gap).toBeUndefined();
      await node.append(topic, 'later');
      expect(texts((await node.read(topic, { after: first!, limit: 1 })).entries)).toEqual(['later']);
      expect(texts((await node.read(topic, { last: 2 })).entries)).toEqual(['stays', 'later']);
      if (!brokers.hasState) context.skip('this broker keeps no state');
      expect(await node.stateOf(topic)).toEqual([]);
    });

    test('ifOwner stores only when the key has this owner, or none', async (context) => {
      const { brokers, node, topic } = await openOne();
      if (!brokers.hasState) context.skip('this broker keeps no state');
      const isStored = async (text: string, more: Partial<Append>): Promise<boolean> => {
        const [answer] = await node.appendAll(put(topic, text, { key: 'k', ...more }));
        return answer!.isSkipped !== true;
      };
      const gone = { isRemoved: true };
      expect(await isStored('nobody has it', { ...gone, ifOwner: 'a' })).toBe(false);
      expect(await isStored('a has it', { owner: 'a', ifOwner: '' })).toBe(true);
      expect(await isStored('a has it still', { owner: 'a', ifOwner: '' })).toBe(true);
      expect(await isStored('b is late', { owner: 'b', ifOwner: '' })).toBe(false);
      expect(await isStored('b takes it', { owner: 'b' })).toBe(true);
      expect(await isStored('a leaves', { ...gone, ifOwner: 'a' })).toBe(false);
      expect(await node.stateOf(topic)).toEqual(['b takes it']);
      expect(await isStored('b leaves', { ...gone, ifOwner: 'b' })).toBe(true);
      expect(await isStored('b leaves again', { ...gone, ifOwner: 'b' })).toBe(false);
      expect(await node.stateOf(topic)).toEqual([]);
      const { entries } = await node.read(topic);
      expect(texts(entries)).toEqual(['a has it', 'a has it still', 'b takes it', 'b leaves']);
      expect(entries.map(({ owner }) => owner)).toEqual(['a', 'a', 'b', undefined]);
    });

    test('a lease lives until its time is over, or is ended', async () => {
      const { brokers, nodes } = await openAll(2);
      const [a, b] = [nodes[0]!.broker, nodes[1]!.broker];
      const id = newTopic().replaceAll(/\W/g, '');
      const [one, two] = [`${id}a`, `${id}b`];
      const aliveOf = async (letter: Broker, node: string, ttlMs: number, isDraining = false): Promise<unknown> =>
        (await letter.renew({ id: node, isDraining }, ttlMs))
          .filter((alive) => alive.id === one || alive.id === two)
          .toSorted((left, right) => (left.id < right.id ? -1 : 1));
      const [first, second] = [one, two].map((letter) => ({ id: letter, isDraining: false }));
      expect(await aliveOf(a, one, 60_000)).toEqual([first]);
      expect(await aliveOf(b, two, 1000)).toEqual([first, second]);
      expect(await aliveOf(a, one, 60_000, true)).toEqual([{ id: one, isDraining: true }, second]);
      await brokers.pass(1100);
      expect(await aliveOf(a, one, 60_000)).toEqual([first]);
      expect(await aliveOf(b, two, 60_000)).toEqual([first, second]);
      expect(await aliveOf(a, one, 0)).toEqual([second]);
      await aliveOf(b, two, 0);
    });

    test('any bytes come back as they were, up to the largest entry', async () => {
      const { brokers, node, topic } = await openOne();
      await node.broker.watch([topic]);
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const largest = Buffer.alloc(brokers.largestBytes, all);
      const keep = { ...KEEP, bytes: 2 * largest.length };
      const sent = [all, Buffer.alloc(0), Buffer.alloc(4096, all), largest];
      await node.appendAll(...sent.map((bytes) => ({ ...put(topic, ''), keep, bytes: Buffer.from(bytes) })));
      await node.listener.until(() => node.listener.heard.length === sent.length);
      const { entries } = await node.read(topic, { maxBytes: Infinity });
      for (const found of [entries, node.listener.entriesOf(topic)]) {
        expect(found.map(({ bytes }, i) => bytes.equals(sent[i]!))).toEqual(sent.map(() => true));
      }
    });

    test('100 000 topics are watched, read and written', { timeout: 60_000 }, async () => {
      const { node } = await openOne();
      const prefix = newTopic();
      const names = Array.from({ length: MANY_TOPICS }, (_, i) => `${prefix}/${i}`);
      for (const part of parts(names, 1000)) {
        await node.broker.watch(part);
        await node.appendAll(...part.map((topic) => put(topic, topic)));
        const slices = await node.broker.read(part.map((topic) => toQuery(topic, { limit: 1 })));
        expect(slices.flatMap(({ entries }) => texts(entries))).toEqual(part);
      }
      await node.listener.until(() => node.listener.heard.length === MANY_TOPICS);
      node.broker.unwatch(names);
    });

    test('closing settles what is under way, and nothing is done any more', async () => {
      const { nodes } = await openAll(2);
      const topic = newTopic();
      const [closing, other] = [nodes[0]!, nodes[1]!];
      await closing.broker.watch([topic]);
      const append = closing.append(topic, 'under way').catch((error: unknown) => error);
      const read = closing.read(topic).catch((error: unknown) => error);
      await closing.broker.close();
      for (const outcome of [await append, await read]) {
        expect(Array.isArray(outcome) || outcome instanceof BrokerError || 'epoch' in (outcome as Slice)).toBe(true);
      }
      const heard = closing.listener.heard.length;
      await other.append(topic, 'after the end');
      await expect(closing.append(topic, 'too late')).rejects.toBeInstanceOf(BrokerError);
      await expect(closing.read(topic)).rejects.toMatchObject({ code: 'down' });
      expect(closing.listener.heard.length).toBe(heard);
      expect(texts((await other.read(topic)).entries)).not.toContain('too late');
    });
  });
}
