import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Settings } from '../../bench/benchmark.ts';
import { selectBenchmarks } from '../../bench/benchmarks/all.ts';
import { compare } from '../../bench/compare.ts';
import { WRONG_MESSAGE } from '../../bench/load/answers.ts';
import { clientOpener } from '../../bench/load/clients.ts';
import { buildFrames } from '../../bench/load/frames.ts';
import { Load } from '../../bench/load/load.ts';
import { rawOpener } from '../../bench/load/raw.ts';
import type { MessageShape } from '../../bench/messages.ts';
import { selectPeers } from '../../bench/peers/peer.ts';
import { type Received, startLoadServer } from '../helpers/load-server.ts';

const text: MessageShape = { kind: 'text', bytes: 64 };
const compressed: MessageShape = { kind: 'object', bytes: 1024, isCompressed: true };
const answers = buildFrames(text, false);
let load: Load;

afterEach(() => load.close());

/** Runs a load against a server that gives these answers: two connections, and two messages in flight on each. */
async function run(answerTo: (received: Received) => Buffer | void, sendsToAll = false, shape = text) {
  const port = await startLoadServer(answerTo, shape);
  const plan = { port, shape, connections: 2, burst: 2, sendsToAll };
  load = new Load(500);
  await load.open(2, rawOpener(load, plan));
  if (sendsToAll) load.sender = load.links[0];
  const { messages } = await load.run(20, 2);
  await load.verify();
  return messages;
}

function changed(frame: Buffer): Buffer {
  const wrong = Buffer.from(frame);
  wrong[wrong.length - 1]! ^= 1;
  return wrong;
}

const changeOne = (received: Received): Buffer => (isVictim(received) ? changed(received.answer) : received.answer);
const isVictim = ({ n, connection }: Received): boolean => n === 2 && connection === 1;

describe('a load of bare sockets', () => {
  test('counts each message, all different, and begins connections with different ones', async () => {
    const sent: number[][] = [[], []];
    const messages = await run(({ connection, variant, answer }) => {
      sent[connection]!.push(variant);
      return answer;
    });
    expect(messages).toBe(sent.flat().length);
    for (const [first, variants] of sent.entries()) {
      expect(variants).toEqual(variants.map((_, i) => (first + i) % answers.length));
    }
  });

  test.each<[string, (received: Received) => Buffer | void, string | RegExp]>([
    ['one changed byte', ({ answer }) => changed(answer), WRONG_MESSAGE],
    ['an answer given twice', ({ answer }) => Buffer.concat([answer, answer]), WRONG_MESSAGE],
    ['an answer that was lost before others', () => undefined, /^messages lost|not the expected/],
    ['an answer too many', ({ variant }) => Buffer.concat([0, 1, 2].map((i) => answers[variant + i]!)), /more answers/],
    ['a connection that ends', ({ socket }) => void socket.end(), /^connection lost/],
  ])('refuses %s', async (_, fault, reason) => {
    await expect(run((received) => (isVictim(received) ? fault(received) : received.answer))).rejects.toThrow(reason);
  });

  test('refuses a message to all that one connection gets twice', async () => {
    const measured = run(({ n, answer, sockets }) => {
      for (const socket of sockets) socket.write(answer);
      if (n === 2) [...sockets][1]?.write(answer);
    }, true);
    await expect(measured).rejects.toThrow(WRONG_MESSAGE);
  });

  test('refuses a changed answer that is compressed', async () => {
    expect(await run(({ answer }) => answer, false, compressed)).toBeGreaterThan(0);
    await expect(run(changeOne, false, compressed)).rejects.toThrow(WRONG_MESSAGE);
  });

  test('counts the time that a server stands still in each message that was due meanwhile', async () => {
    const port = await startLoadServer(({ n, connection, answer }) => {
      const until = performance.now() + (n === 5 && connection === 0 ? 60 : 0);
      while (performance.now() < until);
      return answer;
    }, text);
    load = new Load(500);
    await load.open(2, rawOpener(load, { port, shape: text, connections: 2, burst: 1 }));
    const { latency } = await load.pace({ messagesPerSecond: 1000, durationMs: 100 });
    // 60 of the 100 messages are due meanwhile, and wait for 30 ms on average.
    expect(latency.p50).toBeGreaterThan(5000);
  });
});

test.each<[string, (message: string, n: number) => string[], string]>([
  ['answers that are right but too few', (message) => [message], 'messages lost'],
  ['another text among the first', (message, n) => [n === 3 ? `${message.slice(1)}.` : message], WRONG_MESSAGE],
  ['another text later', (message, n) => [n === 30 ? `?${message.slice(1)}` : message], WRONG_MESSAGE],
  ['a doubled answer', (message, n) => (n === 30 ? [message, message] : [message]), WRONG_MESSAGE],
])('a load of measured clients judges %s', async (_, answerTo, reason) => {
  load = new Load(50);
  const connect = async ({ onMessage }: { onMessage: (data: unknown) => void }) => {
    let n = 0;
    const send = (message: unknown): void => {
      const all = ++n > 40 ? [] : answerTo(message as string, n);
      setImmediate(() => all.forEach(onMessage));
    };
    return { send };
  };
  const peer = { version: '', notes: '', connect };
  await load.open(1, clientOpener(load, peer, { port: 1, shape: text, connections: 1, burst: 1 }));
  await expect(load.run(20, 1)).rejects.toThrow(reason);
});

describe('with separate processes', () => {
  const before = [...process.execArgv];
  const settings: Settings = { rounds: 1, warmUpMs: 5, windowMs: 5, isPatient: false, processors: undefined };

  // The other processes need tsx to run TypeScript, because vitest's transform does not reach them.
  beforeAll(() => void process.execArgv.push('--import', 'tsx'));
  afterAll(() => void process.execArgv.splice(0, Infinity, ...before));

  test.each([
    ['echo-text-64-16', 'ws'],
    ['fan-out-16', 'node:net'],
    ['client-echo-object-64-16', 'ws'],
    ['client-echo-compressed-1k-16', 'ws'],
    ['topics-16', 'node:net'],
  ])('%s of %s gives figures', { timeout: 60_000 }, async (name, peer) => {
    const result = await compare(selectBenchmarks([name])[0]!, selectPeers([peer]), settings);
    expect(result.failures).toEqual([]);
    expect(result.peers[0]?.samples[0]?.figures['throughput']).toBeGreaterThan(0);
  });
});
