import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClientLoad } from '../../bench/clients/client-load.ts';
import type { ClientConnection, ClientPeer, ConnectTask } from '../../bench/clients/client-peer.ts';
import { WRONG_ANSWER } from '../../bench/load/failure.ts';
import { firstVariantOf } from '../../bench/load/handshake.ts';
import type { LoadPlan } from '../../bench/load/load.ts';
import { type MessageShape, payloadOf } from '../../bench/messages.ts';

/** Number of messages of a connection at which the time of the run ends. */
const MESSAGES = 40;
const DURATION_MS = 10;

/** The connections and messages of a peer. */
interface Log {
  /** The first variant in the URL of each connection. */
  readonly firsts: number[];
  readonly sent: unknown[][];
  /** True when the run has ended, so that connections without a fault stop. */
  isOver: boolean;
}

/** Creates a peer whose answers the test decides; `n` is the number of the message on its connection, from 1. */
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

function createLoad(peer: ClientPeer, plan: Partial<LoadPlan>): ClientLoad {
  const both = { port: 1, shape: text, connections: 2, pattern: 'echo', inFlight: 2, checksAnswers: false } as const;
  return new ClientLoad(peer, { ...both, ...plan });
}

async function run(shape: MessageShape, answerTo: (message: unknown, n: number) => unknown): Promise<Log> {
  const log: Log = { firsts: [], sent: [], isOver: false };
  const load = createLoad(createPeer(log, answerTo), { shape });
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

/** Creates a peer whose connections open and answer when the test calls for it. */
function createHeldPeer(): { peer: ClientPeer; open: (() => void)[]; tasks: ConnectTask[]; sent: unknown[][] } {
  const held = { open: [] as (() => void)[], tasks: [] as ConnectTask[], sent: [] as unknown[][] };
  const connect = (task: ConnectTask): Promise<ClientConnection> => {
    const sent: unknown[] = [];
    held.tasks.push(task);
    held.sent.push(sent);
    return new Promise((resolve) => held.open.push(() => resolve({ send: (message) => void sent.push(message) })));
  };
  return { ...held, peer: { version: '', notes: '', connect } };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function answerOf(variant: number): string {
  return payloadOf(text, variant).toString();
}

/** Opens two connections that have each sent the message for the check. */
async function openChecked(): Promise<{ load: ClientLoad; opened: Promise<unknown>; tasks: ConnectTask[] }> {
  const { peer, open, tasks, sent } = createHeldPeer();
  const load = createLoad(peer, { checksAnswers: true });
  const opened = load.open();
  opened.catch(() => {});
  for (const each of open) each();
  await settle();
  expect(sent.map(({ length }) => length)).toEqual([1, 1]);
  return { load, opened, tasks };
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
  ])('send different messages, each connection beginning with another, and accept %s', async (_, shape, answerTo) => {
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
    ['another text among the first', text, (message: string, n) => (n === 3 ? `${message.slice(1)}.` : message)],
    ['changed text among the first', text, (message: string, n) => (n === 3 ? `${message.slice(0, -1)}?` : message)],
    ['another text later', text, (message: string, n) => (n === 30 ? `?${message.slice(1)}` : message)],
    ['shorter text later', text, (message: string, n) => (n === 30 ? message.slice(0, -1) : message)],
    ['other bytes', binary, (message: Buffer, n) => (n === 30 ? payloadOf(binary, 9) : message)],
    ['another ArrayBuffer', binary, (message: Buffer, n) => toArrayBuffer(n === 30 ? payloadOf(binary, 9) : message)],
    ['another object', object, (message: object, n) => (n === 30 ? other : message)],
  ])('refuse %s', async (_, shape, answerTo) => {
    await expect(run(shape, (message, n) => answerTo(message as never, n))).rejects.toThrow(WRONG_ANSWER);
  });
});

describe('opening clients', () => {
  test('opens 32 at a time, and counts them', async () => {
    const { peer, open, tasks } = createHeldPeer();
    const opened = createLoad(peer, { connections: 40 }).open();
    expect(tasks).toHaveLength(32);
    open[0]!();
    await settle();
    expect(tasks).toHaveLength(33);
    for (let i = 1; i < 40; i++) {
      open[i]!();
      await settle();
    }
    await expect(opened).resolves.toMatchObject({ messages: 40 });
    expect(tasks.map(({ url }) => url).slice(15, 18)).toEqual(
      [15, 0, 1].map((first) => `ws://127.0.0.1:1/bench?${first}`),
    );
  });

  test('waits for one answer on each when checksAnswers is set', async () => {
    const { load, opened, tasks } = await openChecked();
    let isOpen = false;
    void opened.then(() => (isOpen = true));
    tasks[0]!.onMessage(answerOf(0));
    await settle();
    expect(isOpen).toBe(false);
    tasks[1]!.onMessage(answerOf(1));
    await expect(opened).resolves.toMatchObject({ messages: 2 });
    await load.verify();
  });

  test.each<[string, (tasks: readonly ConnectTask[]) => void, string]>([
    ['a wrong answer', ([first]) => first!.onMessage(answerOf(5)), WRONG_ANSWER],
    [
      'two answers on one connection and none on another',
      ([first]) => {
        first!.onMessage(answerOf(0));
        first!.onMessage(answerOf(1));
      },
      'more answers than messages',
    ],
    ['a lost connection', ([first]) => first!.onLost(), 'connection lost'],
  ])('fails for %s', async (_, fault, message) => {
    const { opened, tasks } = await openChecked();
    fault(tasks);
    await expect(opened).rejects.toThrow(message);
  });

  test('fails for a superfluous answer after all others', async () => {
    const { load, opened, tasks } = await openChecked();
    tasks[0]!.onMessage(answerOf(0));
    tasks[1]!.onMessage(answerOf(1));
    await opened;
    tasks[1]!.onMessage(answerOf(2));
    await expect(load.verify()).rejects.toThrow('more answers than messages');
  });
});
