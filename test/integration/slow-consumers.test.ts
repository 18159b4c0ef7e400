import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { type BufferPolicy, type SendStatus, WebSocket, type WebSocketConnection } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { Inbox } from '../helpers/inbox.ts';
import { startUnixServer } from '../helpers/library-server.ts';
import { usedBytes } from '../helpers/memory.ts';
import { Turnstile } from '../helpers/turnstile.ts';
import { turns } from '../helpers/turns.ts';

const compressInPool = promisify<Uint8Array, Buffer>(deflateRaw);

type Sender = WebSocket<Uint8Array> | WebSocketConnection<Uint8Array>;

/** Pseudo-random hexadecimal digits: compression only halves them, so compressed messages fill the buffers too. */
const DIGITS = Buffer.from(
  Array.from({ length: 50_000 }, (_, i) => ((Math.imul(i + 1, 2_654_435_761) ^ (i << 7)) >>> 0) % 0xffff_ffff)
    .map((number) => number.toString(16).padStart(8, '0'))
    .join(''),
);

/** Lengths that cover each way of sending: compressed at once or in the thread pool, copied into a batch or not. */
const LENGTHS = [12, 3000, 50_000, 180_000];

function lengthOf(n: number): number {
  return LENGTHS[n % LENGTHS.length]!;
}

/** Builds the bytes of a message: its number, and digits that no other message has at this place. */
function bytesOf(n: number, length: number): Buffer {
  return Buffer.concat([Buffer.from(`${n} `), DIGITS.subarray((n * 97) % 1000).subarray(0, length)]);
}

function numberOf(bytes: Uint8Array): number {
  return Number.parseInt(Buffer.from(bytes.buffer, bytes.byteOffset, 12).toString('latin1'), 10);
}

/** A handler that handles a message only when the turnstile lets it, and checks its bytes. */
class Consumer {
  readonly dataType = 'blob';
  readonly taken = new Inbox<number>();
  readonly wrong: number[] = [];
  readonly turnstile = new Turnstile();
  readonly #sizeOf: (n: number) => number;
  readonly #terminated = createDeferred<{ readonly code: number }>();

  constructor(sizeOf: (n: number) => number) {
    this.#sizeOf = sizeOf;
  }

  /** Numbers of the handled messages, in order. */
  get numbers(): readonly number[] {
    return this.taken.all;
  }

  get terminated(): Promise<{ readonly code: number }> {
    return this.#terminated.promise;
  }

  async onMessage(_: unknown, { data }: { readonly data: Uint8Array }): Promise<void> {
    await this.turnstile.pass();
    const n = numberOf(data);
    this.taken.push(n);
    if (!bytesOf(n, this.#sizeOf(n)).equals(data)) this.wrong.push(n);
  }

  onTerminate(_: unknown, event: { readonly code: number }): void {
    this.#terminated.resolve(event);
  }
}

interface Way {
  readonly name: string;
  readonly isFromClient: boolean;
  readonly compression: boolean;
}

const ways: readonly Way[] = [true, false].flatMap((isFromClient) =>
  [false, true].map((compression) => ({
    name: `from ${isFromClient ? 'client to server' : 'server to client'}, ${compression ? 'compressed' : 'uncompressed'}`,
    isFromClient,
    compression,
  })),
);

/** Opens a connection with a sender at one end and a slow consumer at the other. */
async function connect({ isFromClient, compression }: Way, sizeOf: (n: number) => number, options: object = {}) {
  const consumer = new Consumer(sizeOf);
  const handler = recordingHandler({ dataType: 'blob' });
  const [server, client] = isFromClient ? [consumer, handler] : [handler, consumer];
  // Few messages may wait in the consumer, so that the figures are the sender's.
  const common = { compression, maxWaitingMessages: 2, ...options };
  const url = await startUnixServer<Uint8Array>(() => server, { dataType: 'blob', ...common });
  const ws = (await WebSocket.new(url, client as { dataType: 'blob' }, common))!;
  const sender = isFromClient ? ws : await handler.opened();
  onTestFinished(async () => {
    consumer.turnstile.allow(Infinity);
    ws.terminate();
    await Promise.all([handler.ended(), consumer.terminated]);
  });
  return { sender, handler, consumer };
}

/**
 * Waits until nothing moves any more between the two ends, not even in zlib's thread pool: in each round the pool could
 * compress and inflate a few messages.
 */
async function untilStill(sender: Sender, progress: () => number): Promise<void> {
  const state = (): string => `${sender.bufferedBytes} ${progress()}`;
  for (let before = ''; before !== state();) {
    before = state();
    for (let i = 0; i < 4; i++) {
      await compressInPool(DIGITS.subarray(0, 200_000));
      await turns(5);
    }
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Number of messages: 12 MB in all for each way. */
const MESSAGES = 200;
/** Number of messages that the consumer takes between two looks at memory. */
const STEP = 25;
/** A batch, the largest message raw and compressed, and the buffer of a Node socket. */
const MAX_BUFFERED_BYTES = 400_000;
/** The buffers of the sender and of the consumer: a fifth of all bytes that are sent. */
const MAX_GROWTH_BYTES = 2_500_000;

for (const way of ways) {
  test(
    `a sender that awaits drained() buffers little for a slow consumer, ${way.name}`,
    { timeout: 30_000 },
    async () => {
      const { sender, handler, consumer } = await connect(way, lengthOf);
      const before = usedBytes();
      let count = 0;
      let sentBytes = 0;
      let waits = 0;
      let maxBufferedBytes = 0;
      const sending = (async () => {
        for (; count < MESSAGES; count++) {
          const bytes = bytesOf(count, lengthOf(count));
          sentBytes += bytes.length;
          const status = sender.send(count % 3 === 0 ? bytes.toString('latin1') : bytes);
          maxBufferedBytes = Math.max(maxBufferedBytes, sender.bufferedBytes);
          expect(status).not.toBe('dropped');
          if (status !== 'queued') continue;
          waits++;
          await sender.drained();
        }
      })();
      await untilStill(sender, () => count);
      // The consumer has taken nothing yet, and the sender stands still after a small part.
      expect(consumer.numbers).toEqual([]);
      expect(count).toBeLessThan(MESSAGES / 5);

      let maxUsedBytes = usedBytes();
      for (let taken = STEP; taken <= MESSAGES; taken += STEP) {
        consumer.turnstile.allow(STEP);
        await consumer.taken.atLeast(taken);
        maxUsedBytes = Math.max(maxUsedBytes, usedBytes());
        expect(count - taken).toBeLessThan(MESSAGES / 5);
      }
      await sending;
      await sender.drained();

      expect(consumer.numbers).toEqual(range(0, MESSAGES));
      expect(consumer.wrong).toEqual([]);
      expect(sentBytes).toBeGreaterThan(11_500_000);
      expect(waits).toBeGreaterThan(10);
      expect(maxBufferedBytes).toBeLessThan(MAX_BUFFERED_BYTES);
      expect(maxUsedBytes - before).toBeLessThan(MAX_GROWTH_BYTES);
      expect(sender.bufferedBytes).toBe(0);
      expect(handler.errors).toEqual([]);
    },
  );
}

const LENGTH = 40_000;
const LIMIT = 400_000;

/** Sends a few messages per turn whatever `send` returns, and returns all results of `send`. */
async function sendRegardless(
  sender: Sender,
  isDroppable: (n: number) => boolean,
): Promise<{ readonly statuses: SendStatus[]; readonly maxBufferedBytes: number }> {
  const statuses: SendStatus[] = [];
  let maxBufferedBytes = 0;
  for (let n = 0; n < 100; n++) {
    statuses.push(sender.send(bytesOf(n, LENGTH), { droppable: isDroppable(n) }));
    maxBufferedBytes = Math.max(maxBufferedBytes, sender.bufferedBytes);
    if (n % 4 === 0) await turns(2);
  }
  return { statuses, maxBufferedBytes };
}

const isKept = (n: number): boolean => n % 25 === 0;

const numbersWith = (statuses: readonly SendStatus[], ...wanted: readonly SendStatus[]): number[] =>
  range(0, statuses.length).filter((n) => wanted.includes(statuses[n]!));

async function ignore(way: Way, bufferPolicy: BufferPolicy, isDroppable: (n: number) => boolean) {
  const parts = await connect(way, () => LENGTH, { bufferPolicy, maxBufferedBytes: LIMIT });
  const sent = await sendRegardless(parts.sender, isDroppable);
  // The message that exceeds the limit is the last one that is accepted.
  expect(sent.maxBufferedBytes).toBeGreaterThan(LIMIT);
  expect(sent.maxBufferedBytes).toBeLessThan(LIMIT + 2 * LENGTH);
  expect(parts.consumer.numbers).toEqual([]);
  return { ...parts, ...sent };
}

/** Lets the consumer take all messages, and checks that exactly the expected ones arrive. */
async function expectArrived(consumer: Consumer, expected: readonly number[]): Promise<void> {
  consumer.turnstile.allow(Infinity);
  await consumer.taken.atLeast(expected.length);
  await turns();
  expect(consumer.numbers).toEqual(expected);
  expect(consumer.wrong).toEqual([]);
}

for (const way of ways) {
  test(`bufferPolicy "close" ends a sender that ignores the results of send() with 1013, ${way.name}`, async () => {
    const { statuses, handler, consumer } = await ignore(way, 'close', () => false);
    const taken = numbersWith(statuses, 'sent', 'queued');
    expect(taken.length).toBeLessThan(40);
    expect(taken).toEqual(range(0, taken.length));
    consumer.turnstile.allow(Infinity);
    expect((await consumer.terminated).code).toBe(1013);
    // The close frame overtakes only messages that are still to be compressed.
    if (way.compression) expect(consumer.numbers).toEqual(range(0, consumer.numbers.length));
    else expect(consumer.numbers).toEqual(taken);
    expect(consumer.wrong).toEqual([]);
    expect(await handler.ended()).toMatchObject({ code: 1013, cause: 'limit', wasClean: false });
    expect(handler.errors.map(({ error }) => [error.code, error.limit])).toEqual([['ERR_BUFFER_FULL', LIMIT]]);
  });

  test(`bufferPolicy "drop-newest" drops the messages that send() reports as dropped, ${way.name}`, async () => {
    const { sender, statuses, handler, consumer } = await ignore(way, 'drop-newest', () => false);
    expect(numbersWith(statuses, 'dropped').length).toBeGreaterThan(50);
    await expectArrived(consumer, numbersWith(statuses, 'sent', 'queued'));
    await sender.drained();
    expect(sender.send(bytesOf(100, LENGTH), { compress: false })).toBe('sent');
    await expectArrived(consumer, [...numbersWith(statuses, 'sent', 'queued'), 100]);
    expect(handler.errors).toEqual([]);
  });

  test(`bufferPolicy "drop-oldest" drops the oldest droppable messages, ${way.name}`, async () => {
    const { sender, statuses, handler, consumer } = await ignore(way, 'drop-oldest', (n) => !isKept(n));
    expect(numbersWith(statuses, 'dropped')).toEqual([]);
    consumer.turnstile.allow(Infinity);
    await sender.drained();
    const { numbers } = consumer;
    while (numbers.at(-1) !== 99) await turns(1);
    expect(numbers.slice(-4)).toEqual([96, 97, 98, 99]);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(
      range(0, 100)
        .filter(isKept)
        .every((n) => numbers.includes(n)),
    ).toBe(true);
    expect(numbers.length).toBeLessThan(50);
    expect(consumer.wrong).toEqual([]);
    expect(handler.errors).toEqual([]);
  });
}
