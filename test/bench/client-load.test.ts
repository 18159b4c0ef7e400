import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClientLoad } from '../../bench/clients/client-load.ts';
import type { ClientPeer } from '../../bench/clients/client-peer.ts';
import { WRONG_ANSWER } from '../../bench/load/failure.ts';
import { firstVariantOf } from '../../bench/load/handshake.ts';
import { type MessageShape, payloadOf } from '../../bench/messages.ts';

/** Messages of a connection after which no new ones are sent. */
const MESSAGES = 40;
const DURATION_MS = 10;

/** What a peer was told. */
interface Log {
  /** First variants in the addresses, by connection. */
  readonly firsts: number[];
  readonly sent: unknown[][];
  /** Whether the run has ended: connections on which nothing went wrong would go on. */
  isOver: boolean;
}

/** A peer whose every answer is up to the test; `n` is the number of the message on its connection, from 1. */
function createPeer(log: Log, answerTo: (message: unknown, n: number) => unknown): ClientPeer {
  return {
    version: '',
    notes: '',
    async connect({ url, onMessage }) {
      const sent: unknown[] = [];
      const { pathname, search } = new URL(url);
      log.firsts.push(firstVariantOf(`GET ${pathname}${search} HTTP/1.1`));
      log.sent.push(sent);
      return {
        send(message) {
          if (log.isOver) return;
          const n = sent.push(message);
          if (n === MESSAGES) vi.advanceTimersByTime(DURATION_MS);
          const answer = answerTo(message, n);
          if (answer !== undefined) setImmediate(onMessage, answer);
        },
      };
    },
  };
}

async function run(shape: MessageShape, answerTo: (message: unknown, n: number) => unknown): Promise<Log> {
  const log: Log = { firsts: [], sent: [], isOver: false };
  const peer = createPeer(log, answerTo);
  const load = new ClientLoad(peer, {
    port: 1,
    shape,
    connections: 2,
    pattern: 'echo',
    inFlight: 2,
    checksAnswers: false,
  });
  await load.open();
  try {
    await load.run(DURATION_MS);
  } finally {
    log.isOver = true;
  }
  return log;
}

const text: MessageShape = { kind: 'text', bytes: 64 };
const object: MessageShape = { kind: 'object', bytes: 64 };
const binary: MessageShape = { kind: 'binary', bytes: 64 };

function toArrayBuffer(message: Buffer): ArrayBuffer {
  return new Uint8Array(message).buffer;
}

describe('clients under measurement', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => vi.useRealTimers());

  test.each<[string, MessageShape, (message: never) => unknown]>([
    ['text', text, (message) => message],
    ['text as its bytes', text, (message) => Buffer.from(message)],
    ['bytes', binary, (message) => message],
    ['an ArrayBuffer', binary, toArrayBuffer],
    ['objects', object, (message) => structuredClone(message)],
  ])('send messages that differ, each connection from another one on, and get %s', async (_, shape, answerTo) => {
    const { firsts, sent } = await run(shape, (message) => answerTo(message as never));
    expect(firsts).toEqual([0, 1]);
    for (const [connection, messages] of sent.entries()) {
      const payloads = messages.map((message) =>
        typeof message === 'string' || message instanceof Buffer ? Buffer.from(message) : JSON.stringify(message),
      );
      expect(payloads.length).toBeGreaterThanOrEqual(MESSAGES - 2);
      for (const [i, payload] of payloads.entries()) {
        expect(payload.toString('latin1')).toBe(payloadOf(shape, (connection + i) % 16).toString('latin1'));
      }
    }
  });

  const other = { ...(JSON.parse(payloadOf(object, 9).toString()) as object) };

  test.each<[string, MessageShape, (message: never, n: number) => unknown]>([
    [
      'text that is another, among the first',
      text,
      (message: string, n) => (n === 3 ? `${message.slice(1)}.` : message),
    ],
    [
      'text that was changed, among the first',
      text,
      (message: string, n) => (n === 3 ? `${message.slice(0, -1)}?` : message),
    ],
    ['text that is another, later', text, (message: string, n) => (n === 30 ? `?${message.slice(1)}` : message)],
    ['text that is shorter, later', text, (message: string, n) => (n === 30 ? message.slice(0, -1) : message)],
    ['bytes that are others', binary, (message: Buffer, n) => (n === 30 ? payloadOf(binary, 9) : message)],
    [
      'an ArrayBuffer that is another',
      binary,
      (message: Buffer, n) => toArrayBuffer(n === 30 ? payloadOf(binary, 9) : message),
    ],
    ['an object that is another', object, (message: object, n) => (n === 30 ? other : message)],
  ])('refuse %s', async (_, shape, answerTo) => {
    await expect(run(shape, (message, n) => answerTo(message as never, n))).rejects.toThrow(WRONG_ANSWER);
  });
});
