import { randomBytes } from 'node:crypto';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { CompressionFactory } from '../../src/connection/zlib.ts';
import { lenientBudget } from '../../src/connection/lenient-inflater.ts';
import type { Inflater } from '../../src/protocol/compression.ts';
import { deflateFinally, deflateMessage, inflated, NO_LIMITS } from '../helpers/deflate.ts';

const AGREED = { ...NO_LIMITS, serverNoContextTakeover: true, clientNoContextTakeover: true };
const ADVICE = 'the client keeps its context against the agreement: see the setting clientNoContextTakeover';
const factory = new CompressionFactory('server', { thresholdBytes: 1024, level: 3 });

afterEach(() => expect(lenientBudget.heldBytes).toBe(0));

/** Creates the inflater of a connection, which is over when the test is. */
function create(agreed = AGREED): Inflater {
  const { inflater } = factory.create(agreed, true);
  opened.push(inflater);
  return inflater;
}

const opened: Inflater[] = [];
// It runs before the check of the budget: callbacks of afterEach run from the last to the first.
afterEach(() => {
  for (const inflater of opened.splice(0)) inflater.end?.();
});

/** Compresses as a client does that keeps its context. */
function createDisobedientClient(): (payload: Buffer) => Buffer {
  let dictionary = Buffer.alloc(0);
  return (payload) => {
    const compressed = deflateMessage(payload, dictionary.length > 0 ? { dictionary } : {});
    dictionary = Buffer.concat([dictionary, payload]).subarray(-32_768);
    return compressed;
  };
}

const greeting = (i: number): Buffer => Buffer.from(`{"type":"greeting","number":${i},"text":"good morning"}`);
const isError = (message: string): unknown => expect.objectContaining({ message });

test.each([40, 5000, 200_000])('inflates messages of %i bytes of a client that keeps its context', async (length) => {
  const inflater = create();
  const compress = createDisobedientClient();
  for (let i = 0; i < 20; i++) {
    const message = Buffer.alloc(length, greeting(i));
    // Comparing long buffers with toEqual takes a second.
    expect(message.equals((await inflated(inflater, compress(message))) as Buffer)).toBe(true);
  }
});

test('inflates an early message that does not refer back, and later ones that do', async () => {
  const inflater = create();
  const compress = createDisobedientClient();
  const messages = ['abcdefgh', '01234567', 'ABCDEFGH', '', 'abcdefgh 01234567 ABCDEFGH'].map((text) =>
    Buffer.from(text),
  );
  for (const message of messages) expect(await inflated(inflater, compress(message))).toEqual(message);
});

test('inflates what a client sends that has shown itself, however long it does not refer back', async () => {
  const inflater = create();
  const compress = createDisobedientClient();
  for (const i of [1, 2]) expect(await inflated(inflater, compress(greeting(i)))).toEqual(greeting(i));
  for (let i = 0; i < 20; i++) expect(await inflated(inflater, compress(randomBytes(50)))).toHaveLength(50);
  expect(await inflated(inflater, compress(greeting(3)))).toEqual(greeting(3));
});

test('inflates a message of two streams, of which the second refers to an earlier message', async () => {
  const inflater = create();
  await inflated(inflater, deflateMessage(greeting(1)));
  const dictionary = Buffer.concat([greeting(1), Buffer.from('x')]);
  const compressed = Buffer.concat([deflateFinally('x'), deflateMessage(greeting(1), { dictionary })]);
  expect(String(await inflated(inflater, compressed))).toBe(`x${String(greeting(1))}`);
});

test('limits the inflated bytes of a client that keeps its context', async () => {
  const inflater = create();
  const compress = createDisobedientClient();
  for (let i = 0; i < 3; i++) await inflated(inflater, compress(greeting(i)));
  expect(await inflated(inflater, compress(Buffer.alloc(2000, greeting(3))), 1999)).toBeInstanceOf(RangeError);
});

test('keeps bytes of a client that obeys for eight messages, and none afterwards', async () => {
  const inflater = create();
  for (let i = 1; i < 8; i++) {
    await inflated(inflater, deflateMessage(Buffer.alloc(1000, 'x')));
    expect(lenientBudget.heldBytes).toBe(i * 1000);
  }
  for (let i = 8; i < 20; i++) {
    expect(String(await inflated(inflater, deflateMessage(greeting(i))))).toBe(String(greeting(i)));
    expect(lenientBudget.heldBytes).toBe(0);
  }
  const compressed = deflateMessage(greeting(19), { dictionary: greeting(19) });
  expect(await inflated(inflater, compressed)).toEqual(isError(`invalid distance too far back (${ADVICE})`));
});

test('keeps no more than the window', async () => {
  const inflater = create({ ...AGREED, clientMaxWindowBits: 10 });
  for (let i = 0; i < 3; i++) await inflated(inflater, deflateMessage(Buffer.alloc(1000, 'x'), { windowBits: 10 }));
  expect(lenientBudget.heldBytes).toBe(1024);
});

test('keeps nothing beyond the limit of the process, and says what the client does', async () => {
  const { limitBytes } = lenientBudget;
  onTestFinished(() => void (lenientBudget.limitBytes = limitBytes));
  lenientBudget.limitBytes = greeting(0).length * 2;
  const [first, second] = [create(), create()];
  const [compress, compressToo] = [createDisobedientClient(), createDisobedientClient()];
  for (let i = 0; i < 2; i++) expect(await inflated(first, compress(greeting(i)))).toEqual(greeting(i));
  expect(lenientBudget.heldBytes).toBe(lenientBudget.limitBytes);
  expect(await inflated(second, compressToo(greeting(0)))).toEqual(greeting(0));
  expect(await inflated(second, compressToo(greeting(1)))).toEqual(
    isError(`invalid distance too far back (${ADVICE})`),
  );
  // What a client needs no more is free for others.
  opened[0]?.end?.();
  expect(lenientBudget.heldBytes).toBe(0);
});

test('keeps nothing for a connection that is over, even when a message is still being inflated', async () => {
  const inflater = create();
  const result = inflated(inflater, deflateMessage(randomBytes(50_000)));
  opened[0]?.end?.();
  expect(await result).toHaveLength(50_000);
  expect(lenientBudget.heldBytes).toBe(0);
});

test.each([
  ['at first', 0],
  ['behind a message', 1],
  ['of a client that keeps its context', 3],
])('refuses data that are damaged %s', async (_when, count) => {
  const inflater = create();
  const compress = createDisobedientClient();
  for (let i = 0; i < count; i++) await inflated(inflater, compress(greeting(i)));
  expect(await inflated(inflater, Buffer.of(0xff))).toEqual(isError('invalid block type'));
});

test('a client that offered to keep no context, and a connection that keeps it anyway, take no part', () => {
  expect('end' in factory.create(AGREED).inflater).toBe(false);
  expect('end' in factory.create({ ...AGREED, clientNoContextTakeover: false }, true).inflater).toBe(false);
  expect('end' in create()).toBe(true);
});

test('connections share all but the inflater', () => {
  const compression = factory.create(AGREED, true);
  expect(factory.create(AGREED, true)).toBe(compression);
  expect(compression.inflater).not.toBe(compression.inflater);
  // Messages are compressed once for all clients, whether they may disobey or not.
  expect([compression.isShared, compression.deflater]).toEqual([true, factory.create(AGREED).deflater]);
});
