import assert from 'node:assert/strict';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { CommonOptions } from '../../../src/index.ts';
import { timers } from '../../../src/base/timers.ts';
import { unsentBudget } from '../../../src/connection/unsent-budget.ts';
import { defineLaw, type Law } from '../law.ts';
import { createClock } from '../../../src/testing.ts';
import { numberedMessage, numberOf, toSendable } from './message.ts';
import { ReconnectingClient } from './reconnecting-client.ts';
import { draft, type Draft } from './scenario.ts';

/** One step of the life of a client that reconnects, or of its network. */
type Step =
  | { readonly does: 'send'; readonly drafts: readonly Draft[] }
  | { readonly does: 'turn' | 'let time pass'; readonly count: number }
  | { readonly does: 'stall' | 'flow' | 'cut' | 'reset' | 'pause' | 'read'; readonly on: 'client' | 'server' }
  | { readonly does: 'close'; readonly code: number }
  | { readonly does: 'refuse'; readonly attempts: number }
  | { readonly does: 'reconnect' }
  | { readonly does: 'fill the process' };

interface Plan {
  readonly options: CommonOptions;
  readonly queue: { readonly maxQueuedMessages: number; readonly maxQueuedBytes: number };
  readonly sizes: readonly number[];
  readonly steps: readonly Step[];
  /** Whether each onReconnect sends a message of its own. */
  readonly greets: boolean;
  /** How the client ends: when everything has arrived, or at once. */
  readonly ending: 'settled' | 'at once';
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      does: fc.constant('send' as const),
      drafts: fc.array(draft, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('turn' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ does: fc.constant('let time pass' as const), count: fc.constantFrom(100, 1000, 30_000) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constantFrom('stall' as const, 'flow' as const, 'cut' as const, 'reset' as const, 'pause' as const),
      on: fc.constantFrom('client' as const, 'server' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('read' as const), on: fc.constant('server' as const) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('close' as const), code: fc.constantFrom(1001, 1012, 1011) }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('refuse' as const), attempts: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('fill the process' as const) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('reconnect' as const) }) },
);

const plan: fc.Arbitrary<Plan> = fc.record({
  options: fc.record({
    compression: fc.oneof(
      fc.constant(false),
      fc.record({ thresholdBytes: fc.constantFrom(0, 50, 1024), clientNoContextTakeover: fc.boolean() }),
    ),
    bufferPolicy: fc.constantFrom('close' as const, 'drop-newest' as const, 'drop-oldest' as const),
    maxBufferedBytes: fc.constantFrom(1, 30_000, 200_000, 16_777_216),
    closeTimeoutMs: fc.constantFrom(100, 10_000),
    pingIntervalMs: fc.constantFrom(1000, 25_000),
    maxMessageBytes: fc.constantFrom(60_000, 1_048_576),
  }),
  queue: fc.record({
    maxQueuedMessages: fc.constantFrom(0, 3, 1000),
    maxQueuedBytes: fc.constantFrom(1000, 1_048_576),
  }),
  sizes: fc.constantFrom([1_000_000], [1, 5000, 100]),
  steps: fc.array(step, { maxLength: 60, size: 'max' }),
  greets: fc.boolean(),
  ending: fc.constantFrom('settled' as const, 'settled' as const, 'at once' as const),
});

/** Longest real time until everything has arrived. The threads of zlib need real time. */
const MAX_SETTLE_ROUNDS = 3000;

interface Sent {
  readonly n: number;
  /** Size of the message in UTF-8. */
  readonly bytes: number;
  readonly isDroppable: boolean;
}

/** A client that reconnects, and everything that was sent and has arrived. */
class Trial {
  readonly clock = createClock();
  readonly client: ReconnectingClient;
  /** Messages that were not dropped, in order. */
  readonly sent: Sent[] = [];
  /** Numbers of the messages that onReconnect has sent. */
  readonly greetings = new Set<number>();
  readonly #plan: Plan;
  #lastNumber = 0;

  constructor(each: Plan) {
    this.#plan = each;
    const reconnect = { ...each.queue, minDelayMs: 100, maxDelayMs: 1000, shouldReconnect: () => true };
    this.client = new ReconnectingClient(each.options, reconnect, each.sizes, () => {
      if (!each.greets) return;
      this.greetings.add(this.#lastNumber + 1);
      this.#send({ form: 'text', bytes: 10, compress: undefined, droppable: false });
    });
  }

  async run(): Promise<void> {
    for (const each of this.#plan.steps) await this.#act(each);
    if (this.#plan.ending === 'settled') await this.#settle();
    this.client.terminate();
    for (let i = 0; i < 600 && !this.#isOver; i++) {
      this.#letFlow();
      await this.#turn(4);
      await this.clock.advance(200);
      if (i > 10) await sleep(1);
    }
  }

  get #isOver(): boolean {
    return this.client.terminated !== undefined && this.client.servers.every(({ isOver }) => isOver);
  }

  async #act(each: Step): Promise<void> {
    const { server, session } = this.client;
    switch (each.does) {
      case 'send':
        for (const one of each.drafts) this.#send(one);
        break;
      case 'turn':
        await this.#turn(each.count);
        break;
      case 'let time pass':
        await this.clock.advance(each.count);
        break;
      case 'stall':
      case 'flow':
        server.sockets[each.on].isStalled = each.does === 'stall';
        break;
      case 'cut':
        server.sockets[each.on].destroy(new Error('cut'));
        break;
      case 'reset':
        if (each.on === 'server') server.connection.destroy();
        else server.sockets.client.destroy();
        break;
      case 'pause':
        server.connection.pause();
        break;
      case 'read':
        server.connection.resume();
        break;
      case 'close':
        server.close(each.code);
        break;
      case 'refuse':
        this.client.attemptsToFail = each.attempts;
        break;
      case 'reconnect':
        this.client.reconnect();
        break;
      case 'fill the process': {
        const { limitBytes } = unsentBudget;
        unsentBudget.limitBytes = 1;
        if (session.status === 'Connected') this.#send({ form: 'text', bytes: 5, compress: true, droppable: false });
        unsentBudget.limitBytes = limitBytes;
        break;
      }
    }
  }

  #send({ form, bytes, compress, droppable }: Draft): void {
    const n = ++this.#lastNumber;
    const message = numberedMessage(n, bytes);
    const { value, spoil } = toSendable(message, form);
    const status = this.client.send(value, { compress, droppable });
    spoil();
    if (status !== 'dropped') {
      this.sent.push({ n, bytes: Buffer.byteLength(JSON.stringify(message)), isDroppable: droppable });
    }
  }

  /** Lets everything go well from now on, until all messages have arrived. */
  async #settle(): Promise<void> {
    this.client.attemptsToFail = 0;
    for (let i = 0; i < MAX_SETTLE_ROUNDS && !this.#isSettled; i++) {
      this.#letFlow();
      await this.#turn(2);
      if (i % 10 === 9) await this.clock.advance(200);
      if (i > 100) await sleep(1);
    }
    assert.ok(
      this.#isSettled,
      `the client is ${this.client.session.status}, ${this.client.session.bufferedBytes} wait`,
    );
    await this.#turn(20);
  }

  get #isSettled(): boolean {
    const { session, server } = this.client;
    const isOpen = session.status === 'Connected' && !server.hasClosed && !server.isOver;
    // A socket that was cut reports its end in a later turn.
    const isAlive = !server.sockets.client.destroyed && !server.sockets.server.destroyed;
    return isOpen && isAlive && session.bufferedBytes === 0;
  }

  #letFlow(): void {
    for (const { sockets, connection } of this.client.servers) {
      sockets.client.isStalled = false;
      sockets.server.isStalled = false;
      connection.resume();
    }
  }

  async #turn(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await setImmediate();
  }
}

/** Sends messages with a client that loses its connections at any moment. */
export const reconnectLaw: Law = defineLaw(
  'the messages of a client that reconnects: in order, never twice, nothing lost in silence',
  150,
  fc.asyncProperty(plan, async (each) => {
    const trial = new Trial(each);
    try {
      await trial.run();
      checkTrial(trial, each);
    } finally {
      trial.clock.restore();
    }
  }),
);

function checkTrial({ client, sent, greetings }: Trial, { options, ending }: Plan): void {
  const { terminated, servers, reconnects } = client;
  assert.ok(terminated, 'onTerminate did not run');
  const received = servers.flatMap((server) => server.received);
  assert.ok(!received.includes(undefined), 'a message has arrived that nobody sent');
  assert.equal(new Set(received).size, received.length, `a message has arrived twice: ${received.join(' ')}`);
  const unsent = (terminated.unsentMessages ?? []).map((data) => numberOf(data) as number);
  const known = new Set(sent.map(({ n }) => n));
  for (const n of [...received, ...unsent]) assert.ok(known.has(n as number), `message ${n} had been dropped`);
  assert.deepEqual(
    unsent.filter((n) => received.includes(n)),
    [],
    'messages that have arrived are among unsentMessages',
  );
  // The messages of onReconnect leave in front of those that wait.
  const inOrder = [...received, ...unsent].filter((n) => !greetings.has(n as number)) as number[];
  assert.deepEqual(
    inOrder,
    inOrder.toSorted((a, b) => a - b),
    'the order of messages',
  );
  const accounted = new Set([...received, ...unsent]);
  const mayBeDropped = options.bufferPolicy === 'drop-oldest';
  const lost = sent.filter(({ n, isDroppable }) => !accounted.has(n) && !(mayBeDropped && isDroppable));
  const uncertain = terminated.uncertainMessages as number;
  // A server that closes at the same moment reads nothing any more, which the client cannot know.
  const closedBoth = ending === 'at once' && client.server.hasClosed && terminated.cause === 'local';
  if (!closedBoth) assert.ok(lost.length <= uncertain, `${lost.length} messages are lost, ${uncertain} are uncertain`);
  // What is lost had been handed to the system: nothing else may be.
  if (options.compression === false) {
    const gone = new Set([...received, ...lost.map(({ n }) => n)]);
    const goneBytes = sent.reduce((sum, { n, bytes }) => sum + (gone.has(n) ? bytes : 0), 0);
    assert.ok(
      goneBytes <= terminated.bytesSent,
      `${goneBytes} bytes are lost or received, ${terminated.bytesSent} sent`,
    );
  }
  const reported = reconnects.reduce((sum, { uncertainMessages }) => sum + uncertainMessages, 0);
  assert.ok(reported <= uncertain, `${reported} messages are uncertain at onReconnect, ${uncertain} in the end`);
  if (ending === 'settled') assert.deepEqual(unsent, [], 'unsent messages although everything could be sent');
  assert.equal(unsentBudget.totalBytes, 0, 'bytes that are counted in the budget');
  assert.equal(timers.pendingTicks, 0, 'deadlines that are left behind');
}
