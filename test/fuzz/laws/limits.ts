import fc from 'fast-check';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect } from 'vitest';
import { parseClientOptions } from '../../../src/client/client-options.ts';
import { CompressionFactory } from '../../../src/connection/zlib.ts';
import { type ConnectionHandler, WebSocketServer } from '../../../src/index.ts';
import type { DeflateParameters } from '../../../src/handshake/permessage-deflate.ts';
import type { Role } from '../../../src/protocol/constants.ts';
import { parseServerOptions } from '../../../src/server/server-options.ts';
import { openConnection } from '../../../src/session/open-connection.ts';
import { MemoryTransport } from '../../../src/transport/memory-transport.ts';
import { chunkSizes, cutStream } from '../../helpers/arbitraries.ts';
import { deflateFinally, deflateMessage, inflated } from '../../helpers/deflate.ts';
import { frame, otherRole, ROLES } from '../../helpers/frames.ts';
import { handshakeRequest } from '../../helpers/handshake-request.ts';
import { describeBytes, RecordingConnectionListener } from '../../helpers/recording-connection-listener.ts';
import { turns } from '../../helpers/turns.ts';
import { defineLaw, type Law } from '../law.ts';
import { MemorySocket } from '../memory-socket.ts';

/** Generates sizes at a limit, a little off it, and many times of it. */
function sizeNear(limit: number): fc.Arbitrary<number> {
  return fc.constantFrom(
    ...[0, 1, limit - 1, limit, limit, limit + 1, limit + 20, 2 * limit, 5 * limit, 9 * limit, 11 * limit].filter(
      (size) => size >= 0,
    ),
  );
}

/** Bytes that compress well, fairly, or not at all. All are valid as text. */
type Content = 'zeros' | 'words' | 'noise';

function makeBytes(content: Content, size: number): Buffer {
  if (content === 'zeros') return Buffer.alloc(size);
  if (content === 'words') return Buffer.alloc(size, 'alpha beta {"id":4711} gamma ');
  let state = size + 1;
  return Buffer.from(
    Uint8Array.from({ length: size }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor(state / 65_536) % 128;
    }),
  );
}

const content = fc.constantFrom<Content>('zeros', 'zeros', 'words', 'noise');

const parameters: fc.Arbitrary<DeflateParameters> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: fc.constant(15),
  clientMaxWindowBits: fc.constant(15),
});

/** Messages to inflate, each as the sizes of the deflate streams that it consists of. */
const inflating = fc.constantFrom(0, 1, 100, 5000, 70_000).chain((limit) =>
  fc.record({
    limit: fc.constant(limit),
    agreed: parameters,
    messages: fc.array(
      fc.record({
        content,
        sizes: fc.oneof(
          { weight: 3, arbitrary: sizeNear(limit).map((size) => [size]) },
          { weight: 1, arbitrary: fc.array(sizeNear(Math.ceil(limit / 2)), { minLength: 2, maxLength: 4 }) },
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);

/** Joins several deflate streams to one message: all but the last one end with a BFINAL block. */
function deflateStreams(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.map((part, i) => (i < parts.length - 1 ? deflateFinally(part) : deflateMessage(part))));
}

/**
 * Tells whether zlib itself must stop at the limit. zlib refuses a limit of zero, so where nothing is left for a stream,
 * one byte of that stream may be there before the limit is seen.
 */
function mustStopZlib(sizes: readonly number[], limit: number): boolean {
  let left = limit;
  for (const size of sizes) {
    if (size > left) return size > Math.max(1, left);
    left -= size;
  }
  return false;
}

/** A message in frames, and the limits that it meets. */
interface Framed {
  readonly role: Role;
  readonly maxMessageBytes: number;
  readonly maxFragments: number;
  readonly isText: boolean;
  readonly isCompressed: boolean;
  readonly content: Content;
  readonly size: number;
  /** Where the payload is cut into frames, modulo its length. */
  readonly cuts: readonly number[];
  /** Whether the payload of the last frame never comes. */
  readonly stopsAtHeader: boolean;
  readonly sizes: readonly number[];
}

const framed: fc.Arbitrary<Framed> = fc.constantFrom(1, 10, 126, 5000, 70_000).chain((maxMessageBytes) =>
  fc.record({
    role: fc.constantFrom(...ROLES),
    maxMessageBytes: fc.constant(maxMessageBytes),
    maxFragments: fc.constantFrom(1, 2, 3, 1024),
    isText: fc.boolean(),
    isCompressed: fc.boolean(),
    content,
    size: sizeNear(maxMessageBytes),
    cuts: fc.array(fc.nat(), { maxLength: 4 }),
    stopsAtHeader: fc.nat(4).map((dice) => dice === 0),
    sizes: chunkSizes,
  }),
);

function cutAt(payload: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = cuts.map((cut) => cut % (payload.length + 1)).toSorted((a, b) => a - b);
  return [...ends, payload.length].map((end, i) => payload.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** The event with which a connection must answer a message; undefined when it must wait for the rest. */
function expectedEvent(given: Framed, fragments: readonly Buffer[], message: Buffer): string | undefined {
  const { maxMessageBytes, maxFragments, stopsAtHeader, isText } = given;
  let announced = 0;
  for (const [i, { length }] of fragments.entries()) {
    announced += length;
    if (announced > maxMessageBytes) return 'error ERR_MESSAGE_TOO_BIG 1009';
    if (i + 1 > maxFragments) return 'error ERR_TOO_MANY_FRAGMENTS 1008';
  }
  // A frame without payload is whole with its header.
  if (stopsAtHeader && fragments.at(-1)!.length > 0) return undefined;
  if (message.length > maxMessageBytes) return 'error ERR_MESSAGE_TOO_BIG 1009';
  return isText ? `text ${message.toString()}` : `bytes ${describeBytes(message)}`;
}

const CONTEXT_FREE: DeflateParameters = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

/** Lets a connection with these limits receive the frames of a message, and returns its first event. */
async function firstEvent(given: Framed, fragments: readonly Buffer[], waits: boolean): Promise<string | undefined> {
  const { role, isText, isCompressed, stopsAtHeader, sizes } = given;
  const { maxMessageBytes, maxFragments } = given;
  const options = { maxMessageBytes, maxFragments, compression: isCompressed };
  const { limits } = role === 'server' ? parseServerOptions(options) : parseClientOptions(options);
  const compression = limits.compression && new CompressionFactory(role, limits.compression).create(CONTEXT_FREE);
  const [peer, transport] = MemoryTransport.pair();
  const listener = new RecordingConnectionListener();
  const connection = openConnection(
    { transport, head: Buffer.alloc(0), answer: '', compression },
    role,
    { id: 1, dataType: 'text' },
    limits,
  );
  connection.start(listener);
  connection.resume();
  const opcode = (isText ? 1 : 2) | (isCompressed ? 0x40 : 0);
  const frames = fragments.map((fragment, i) => {
    const first = (i === 0 ? opcode : 0) | (i === fragments.length - 1 ? 0x80 : 0);
    return frame(otherRole(role), first.toString(16).padStart(2, '0'), fragment);
  });
  const stream = Buffer.concat(frames);
  const missingBytes = stopsAtHeader ? fragments.at(-1)!.length : 0;
  for (const chunk of cutStream(stream.subarray(0, stream.length - missingBytes), sizes)) peer.write([chunk]);
  const findEvent = (): string | undefined => listener.events.find((event) => event !== 'closing');
  if (waits) await listener.until(() => findEvent() !== undefined);
  else await turns(3);
  const event = findEvent();
  peer.destroy();
  await listener.untilTerminated();
  return event;
}

/** One step of the clients of a server that has limits on connections. */
type Step =
  | { readonly does: 'connect'; readonly from: string; readonly decision: 'accept' | 'wait' | 'refuse' }
  | { readonly does: 'decide' }
  | { readonly does: 'leave'; readonly index: number };

/** Addresses, and the network that each counts for: with IPv6 the first four groups. */
const NETWORKS: Readonly<Record<string, string>> = {
  '192.0.2.1': '192.0.2.1',
  '::ffff:192.0.2.1': '192.0.2.1',
  '192.0.2.2': '192.0.2.2',
  '2001:db8::1': '2001:db8:0:0',
  '2001:db8::ffff:0:0:1': '2001:db8:0:0',
  '2001:db8:0:1::1': '2001:db8:0:1',
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        does: fc.constant('connect' as const),
        from: fc.constantFrom(...Object.keys(NETWORKS)),
        decision: fc.constantFrom('accept' as const, 'accept' as const, 'wait' as const, 'refuse' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('decide' as const) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('leave' as const), index: fc.nat(5) }) },
  ),
  { minLength: 1, maxLength: 14 },
);

const countLimits = fc.record({
  maxConnections: fc.constantFrom(1, 2, 4, Infinity),
  maxConnectionsPerAddress: fc.constantFrom(1, 2, 3, Infinity),
  maxPendingHandshakes: fc.constantFrom(1, 2, Infinity, Infinity),
});

interface Client {
  readonly network: string;
  readonly peer: MemorySocket;
}

type CountLimits = Readonly<Record<'maxConnections' | 'maxConnectionsPerAddress' | 'maxPendingHandshakes', number>>;

/** A server in memory, and the clients that the law knows of. */
class CrowdedServer {
  readonly open: Client[] = [];
  readonly pending: Client[] = [];
  readonly #limits: CountLimits;
  readonly #http = createServer();
  readonly #wss: WebSocketServer<unknown>;
  readonly #decisions: (() => void)[] = [];
  #nextDecision: (Step & { does: 'connect' })['decision'] = 'accept';

  constructor(limits: CountLimits) {
    this.#limits = limits;
    const handler: ConnectionHandler<unknown> = { onMessage() {}, onError() {} };
    const onConnection = (): ConnectionHandler<unknown> | null | Promise<ConnectionHandler<unknown>> => {
      if (this.#nextDecision === 'refuse') return null;
      if (this.#nextDecision === 'accept') return handler;
      return new Promise((resolve) => {
        this.#decisions.push(() => resolve(handler));
      });
    };
    this.#wss = WebSocketServer.new({ onConnection }, { ...limits, dataType: 'object', webServer: this.#http })!;
  }

  /** The status with which the next client of a network must be answered; undefined when it must wait. */
  #expectedStatus(network: string, decision: string): number | undefined {
    const { maxConnections, maxConnectionsPerAddress, maxPendingHandshakes } = this.#limits;
    const present = [...this.open, ...this.pending];
    if (present.length >= maxConnections || this.pending.length >= maxPendingHandshakes) return 503;
    if (present.filter((client) => client.network === network).length >= maxConnectionsPerAddress) return 429;
    return { accept: 101, refuse: 403 }[decision];
  }

  async act(step: Step): Promise<void> {
    if (step.does === 'connect') await this.#connect(step);
    else if (step.does === 'decide') await this.#decide();
    else await this.#leave(step.index);
    expect(this.#wss.connections.length).toBe(this.open.length);
  }

  async end(): Promise<void> {
    for (const { peer } of [...this.open, ...this.pending]) peer.destroy();
    await turns(2);
    this.#wss.terminate(0);
    await turns(2);
  }

  async #connect({ from, decision }: Step & { does: 'connect' }): Promise<void> {
    const network = NETWORKS[from] as string;
    const expected = this.#expectedStatus(network, decision);
    this.#nextDecision = decision;
    const [peer, socket] = MemorySocket.pair([1_000_000]);
    peer.on('error', () => {});
    Object.assign(socket, { remoteAddress: from });
    this.#http.emit('connection', socket);
    peer.write(handshakeRequest());
    if (expected === undefined) {
      await turns(3);
      expect(peer.read()).toBe(null);
      this.pending.push({ network, peer });
      return;
    }
    const [answer] = (await once(peer, 'data')) as [Buffer];
    expect(Number(answer.toString('latin1').split(' ')[1])).toBe(expected);
    if (expected === 101) this.open.push({ network, peer });
    else peer.destroy();
  }

  async #decide(): Promise<void> {
    this.#decisions.shift()?.();
    const client = this.pending.shift();
    if (client === undefined) return;
    const [answer] = (await once(client.peer, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
    this.open.push(client);
  }

  async #leave(index: number): Promise<void> {
    if (this.open.length === 0) return;
    const [{ peer }] = this.open.splice(index % this.open.length, 1) as [Client];
    peer.destroy();
    await turns(4);
  }
}

export const limitLaws: readonly Law[] = [
  defineLaw(
    'RFC 7692 7.2.2: any message is inflated if it is within the limit, and otherwise only as far as the limit',
    120,
    fc.asyncProperty(inflating, async ({ limit, agreed, messages }) => {
      const { inflater } = new CompressionFactory('server', { thresholdBytes: 0, level: 3 }).create(agreed);
      for (const { content: kind, sizes } of messages) {
        const parts = sizes.map((size) => makeBytes(kind, size));
        const message = Buffer.concat(parts);
        const outcome = await inflated(inflater, deflateStreams(parts), limit);
        if (message.length <= limit) {
          expect(outcome).toBeInstanceOf(Buffer);
          expect(message.equals(outcome as Buffer)).toBe(true);
          continue;
        }
        expect(outcome).toBeInstanceOf(RangeError);
        if (mustStopZlib(sizes, limit)) expect(outcome).toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' });
      }
    }),
  ),
  defineLaw(
    'any message within maxMessageBytes and maxFragments arrives, and any other fails on the frame that exceeds them',
    250,
    fc.asyncProperty(framed, async (given) => {
      const message = makeBytes(given.content, given.size);
      const fragments = cutAt(given.isCompressed ? deflateMessage(message) : message, given.cuts);
      const expected = expectedEvent(given, fragments, message);
      expect(await firstEvent(given, fragments, expected !== undefined)).toBe(expected);
    }),
  ),
  defineLaw(
    'any clients are admitted, or refused, as maxConnections, maxConnectionsPerAddress and maxPendingHandshakes say',
    150,
    fc.asyncProperty(countLimits, steps, async (limits, given) => {
      const server = new CrowdedServer(limits);
      await turns(1);
      for (const step of given) await server.act(step);
      await server.end();
    }),
  ),
];
