import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { ClientLoad } from '../../bench/clients/client-load.ts';
import type { ClientPeer } from '../../bench/clients/client-peer.ts';
import { createPeer as createLibrary } from '../../bench/clients/library.ts';
import { createPeer as createUndici } from '../../bench/clients/undici.ts';
import { createPeer as createWs } from '../../bench/clients/ws.ts';
import { WRONG_ANSWER, WRONG_MESSAGE } from '../../bench/load/failure.ts';
import { Load, type LoadPlan } from '../../bench/load/load.ts';
import type { MessageShape } from '../../bench/messages.ts';
import { BareServer } from '../../bench/servers/bare-server.ts';

const text: MessageShape = { kind: 'text', bytes: 64 };
const object: MessageShape = { kind: 'object', bytes: 1024 };
const compressed: MessageShape = { ...object, isCompressed: true };

const CONNECTIONS = 4;
/** A short timeout for tests that lose a message and wait for it; other tests allow for a busy machine. */
const LOSS_TIMEOUT_MS = 300;

interface Outcome {
  /** Counted connections and messages. */
  readonly messages: readonly number[];
  readonly error: string | undefined;
  /** The fault that the server found. */
  readonly fault: string | undefined;
}

/** Opens connections in two parts, as benchmarks do. Messages flow on the second part. */
async function exchange(
  shape: MessageShape,
  createLoad: (plan: LoadPlan) => Load | ClientLoad,
  drainTimeoutMs = 5000,
): Promise<Outcome> {
  const server = new BareServer({ behaviour: 'echo', shape });
  onTestFinished(() => server.close());
  const port = await server.listen();
  const plan: LoadPlan = {
    port,
    shape,
    connections: CONNECTIONS,
    pattern: 'echo',
    inFlight: 4,
    checksAnswers: true,
    drainTimeoutMs,
  };
  const loads = [createLoad(plan), createLoad({ ...plan, checksAnswers: false })] as const;
  const measure = async (): Promise<readonly number[]> => {
    const opened = [await loads[0].open(), await loads[1].open()];
    const flow = await loads[1].run(20);
    await Promise.all(loads.map((load) => load.verify()));
    return [...opened, flow].map(({ messages }) => messages);
  };
  const [outcome] = await Promise.allSettled([measure()]);
  const isQuiet = outcome.status === 'fulfilled';
  const fault = server.findFault(isQuiet);
  return isQuiet
    ? { messages: outcome.value, error: undefined, fault }
    : { messages: [], error: (outcome.reason as Error).message, fault };
}

type Fault = 'lost' | 'doubled' | 'changed' | 'not compressed' | 'not offered' | 'cut' | 'pinged' | 'answered twice';

/** Creates clients of ws with a fault in the third message or answer, so that others follow it. */
function createFaulty(fault: Fault): ClientPeer {
  return {
    version: '',
    notes: '',
    connect({ url, shape, onMessage, onLost }) {
      const isOffered = shape.isCompressed === true && fault !== 'not offered';
      const client = new WebSocket(url, { perMessageDeflate: isOffered });
      let messages = 0;
      let answers = 0;
      const send = (message: object | string): void => {
        const isVictim = ++messages === 3;
        if (isVictim && fault === 'lost') return;
        const json = JSON.stringify(
          isVictim && fault === 'changed' ? { ...(message as object), type: 'chap' } : message,
        );
        client.send(isVictim && fault === 'cut' ? json.slice(1) : json, {
          compress: !(isVictim && fault === 'not compressed'),
        });
        if (isVictim && fault === 'doubled') client.send(json);
        if (isVictim && fault === 'pinged') client.ping();
      };
      client.on('message', (data: Buffer) => {
        const answer = JSON.parse(data.toString()) as object;
        onMessage(answer);
        if (++answers === 3 && fault === 'answered twice') onMessage(answer);
      });
      return new Promise((resolve, reject) => {
        client.on('error', reject);
        client.on('close', onLost);
        client.on('open', () => resolve({ send }));
      });
    },
  };
}

describe('the bare server', () => {
  const source = { name: '', module: 'library', sides: [] } as const;
  const entry = fileURLToPath(new URL('../../src/index.ts', import.meta.url));

  test.each<[string, MessageShape, () => ClientPeer | Promise<ClientPeer>]>([
    ['this library, compressed', compressed, () => createLibrary({ ...source, entry })],
    ['ws, compressed', compressed, createWs],
    ['this library', text, () => createLibrary({ ...source, entry })],
    ['ws', object, createWs],
    ['undici', text, createUndici],
  ])('answers messages of %s', async (_, shape, createPeer) => {
    const peer = await createPeer();
    const { messages, error, fault } = await exchange(shape, (plan) => new ClientLoad(peer, plan));
    expect([error, fault]).toEqual([undefined, undefined]);
    expect(messages.slice(0, 2)).toEqual([CONNECTIONS, CONNECTIONS]);
    expect(messages[2]).toBeGreaterThanOrEqual(CONNECTIONS * 4);
  });

  test('answers messages of bare sockets', async () => {
    const { messages, error, fault } = await exchange(text, (plan) => new Load(plan));
    expect([error, fault]).toEqual([undefined, undefined]);
    expect(messages.slice(0, 2)).toEqual([CONNECTIONS, CONNECTIONS]);
    expect(messages[2]).toBeGreaterThanOrEqual(CONNECTIONS * 4);
  });

  test.each<Fault>(['lost', 'doubled', 'changed', 'not compressed', 'cut'])(
    'refuses a compressed message that is %s',
    async (fault) => {
      const outcome = await exchange(compressed, (plan) => new ClientLoad(createFaulty(fault), plan));
      expect(outcome.fault).toBe(WRONG_MESSAGE);
      expect(outcome.error).toMatch(/^connection lost|ECONNRESET/);
    },
  );

  test('refuses a client that does not offer to compress', async () => {
    const outcome = await exchange(compressed, (plan) => new ClientLoad(createFaulty('not offered'), plan));
    expect(outcome.fault).toMatch(/^a client does not offer to compress/);
  });

  test('finds bytes that belong to no message', async () => {
    const { error, fault } = await exchange(object, (plan) => new ClientLoad(createFaulty('pinged'), plan));
    expect([error, fault]).toEqual([undefined, 'bytes came that belong to no message']);
  });

  test.each<Fault>(['lost', 'cut'])('has clients that notice a message that is %s', async (fault) => {
    const createLoad = (plan: LoadPlan): ClientLoad => new ClientLoad(createFaulty(fault), plan);
    const { error } = await exchange(object, createLoad, LOSS_TIMEOUT_MS);
    expect(error).toMatch(/^messages lost: \d+ of \d+ not answered$/);
  });

  test.each<[Fault, MessageShape, string]>([
    ['doubled', object, 'more answers than messages'],
    ['answered twice', object, WRONG_ANSWER],
    ['answered twice', compressed, WRONG_ANSWER],
  ])('has clients that refuse a message that is %s: %j', async (fault, shape, message) => {
    const { error } = await exchange(shape, (plan) => new ClientLoad(createFaulty(fault), plan));
    expect(error).toContain(message);
  });
});
