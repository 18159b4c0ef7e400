import fc from 'fast-check';
import type { DataType, SendOptions, WebSocketServerOptions } from '../../../src/index.ts';
import type { Role } from '../../../src/protocol/constants.ts';

/** The form in which a message is passed to `send`. */
export type MessageForm = 'text' | 'object' | 'bytes' | 'view' | 'buffer';

/** A message that has no number yet. */
export interface Draft {
  readonly form: MessageForm;
  readonly bytes: number;
  readonly compress: boolean | undefined;
  readonly droppable: boolean;
}

/** Returns the options with which a message is sent. */
export function sendOptionsOf({ compress, droppable }: Draft): SendOptions {
  return { compress, droppable };
}

/** The action of a callback when it is called. */
export type Reaction =
  | { readonly does: 'nothing' | 'throw' | 'await a microtask' | 'await a gate' | 'terminate' | 'await drained' }
  | { readonly does: 'send'; readonly draft: Draft };

/** One end of a connection. The number of the connection is taken modulo the number of connections. */
export interface Target {
  readonly connection: number;
  readonly role: Role;
}

/** One step of a scenario. */
export type Action =
  | { readonly does: 'send'; readonly on: Target; readonly drafts: readonly Draft[] }
  | { readonly does: 'send nonsense'; readonly on: Target }
  | { readonly does: 'terminate'; readonly on: Target; readonly code: number; readonly reason: string }
  | { readonly does: 'destroy'; readonly on: Target }
  | { readonly does: 'cut'; readonly on: Target }
  | { readonly does: 'stall' | 'flow'; readonly on: Target }
  | { readonly does: 'await drained'; readonly on: Target }
  | { readonly does: 'open a gate'; readonly on: Target; readonly rejects: boolean }
  | { readonly does: 'expire'; readonly on: Target; readonly inMs: number | undefined }
  | { readonly does: 'broadcast'; readonly draft: Draft; readonly except: number | undefined }
  | { readonly does: 'connect'; readonly decision: Decision }
  | { readonly does: 'decide' }
  | { readonly does: 'let time pass'; readonly ms: number }
  | { readonly does: 'turn'; readonly count: number }
  | { readonly does: 'drain'; readonly batchSize: number; readonly intervalMs: number; readonly deadlineMs: number }
  | { readonly does: 'end the server'; readonly timeout: number | undefined };

/** The decision of `onConnection` about a client. */
export type Decision = 'accept' | 'wait' | 'refuse' | 'throw';

/** The life of a server and its clients. */
export interface Scenario {
  readonly dataType: DataType;
  readonly options: WebSocketServerOptions;
  readonly clients: number;
  /** Sizes of the pieces in which bytes arrive, in rotation. */
  readonly sizes: readonly number[];
  readonly actions: readonly Action[];
  /** Actions of the callbacks of each end, one per call; further calls do nothing. */
  readonly reactions: Readonly<Record<Role, readonly Reaction[]>>;
  /** How the scenario ends when no action ended it. */
  readonly ending: 'clients' | 'server' | 'drain';
}

export const draft: fc.Arbitrary<Draft> = fc.record({
  form: fc.constantFrom<MessageForm>('text', 'object', 'bytes', 'view', 'buffer'),
  bytes: fc.oneof(
    { weight: 8, arbitrary: fc.nat(60) },
    { weight: 2, arbitrary: fc.constantFrom(100, 1000, 5500, 16_384, 20_000) },
    { weight: 1, arbitrary: fc.constantFrom(40_000, 70_000) },
  ),
  compress: fc.constantFrom(undefined, undefined, true, false),
  droppable: fc.boolean(),
});

const target: fc.Arbitrary<Target> = fc.record({
  connection: fc.nat(3),
  role: fc.constantFrom<Role>('client', 'server'),
});

const onServer: fc.Arbitrary<Target> = fc.record({ connection: fc.nat(3), role: fc.constant<Role>('server') });

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({
      does: fc.constant('send' as const),
      on: target,
      drafts: fc.array(draft, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ does: fc.constant('turn' as const), count: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('open a gate' as const),
      on: target,
      rejects: fc.nat(5).map((n) => n === 0),
    }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('stall' as const), on: target }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('flow' as const), on: target }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('await drained' as const), on: target }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('broadcast' as const),
      draft,
      except: fc.option(fc.nat(3), { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('let time pass' as const),
      ms: fc.constantFrom(50, 100, 1000, 10_000, 30_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('connect' as const),
      decision: fc.constantFrom<Decision>('accept', 'accept', 'wait', 'wait', 'refuse', 'throw'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('decide' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('terminate' as const),
      on: target,
      code: fc.constantFrom(1000, 3001, 4000, 4999),
      reason: fc.constantFrom('', 'bye', 'é'.repeat(100)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('send nonsense' as const), on: target }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('destroy' as const), on: target }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('cut' as const), on: target }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('expire' as const),
      on: onServer,
      inMs: fc.constantFrom(undefined, -1, 0, 50, 1000, 1_000_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('drain' as const),
      batchSize: fc.integer({ min: 1, max: 3 }),
      intervalMs: fc.constantFrom(1, 100),
      deadlineMs: fc.constantFrom(1, 200, 30_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('end the server' as const),
      timeout: fc.constantFrom(undefined, 0, 0.1, 5),
    }),
  },
);

const reaction: fc.Arbitrary<Reaction> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ does: fc.constant('nothing' as const) }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('await a gate' as const) }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('await a microtask' as const) }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('send' as const), draft }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('throw' as const, 'terminate' as const) }) },
);

/** Only the server awaits drained(): two ends that both stop reading until the other one reads would wait for ever. */
const serverReaction = fc.oneof(
  { weight: 14, arbitrary: reaction },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('await drained' as const) }) },
);

const options: fc.Arbitrary<WebSocketServerOptions> = fc.record({
  compression: fc.oneof(
    fc.constant(false),
    fc.record({
      thresholdBytes: fc.constantFrom(0, 50, 1024),
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
    }),
  ),
  bufferPolicy: fc.constantFrom('close' as const, 'drop-newest' as const, 'drop-oldest' as const),
  borrowed: fc.constantFrom(false, true, 'poison' as const),
  maxBufferedBytes: fc.constantFrom(1, 30_000, 100_000, 16_777_216, 16_777_216),
  maxWaitingMessages: fc.constantFrom(1, 2, 16),
  closeTimeoutMs: fc.constantFrom(100, 10_000, Infinity),
  pingIntervalMs: fc.constantFrom(1000, 25_000, Infinity),
  handshakeTimeoutMs: fc.constantFrom(1000, 10_000),
});

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  dataType: fc.constantFrom<DataType>('text', 'blob', 'object'),
  options,
  clients: fc.integer({ min: 1, max: 3 }),
  sizes: fc.oneof(
    fc.constant([1_000_000]),
    fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(100, 5000, 1_000_000)), {
      minLength: 1,
      maxLength: 5,
    }),
  ),
  actions: fc.array(action, { maxLength: 40, size: 'max' }),
  reactions: fc.record({
    client: fc.array(reaction, { maxLength: 30, size: 'max' }),
    server: fc.array(serverReaction, { maxLength: 30, size: 'max' }),
  }),
  ending: fc.constantFrom<Scenario['ending'][]>('clients', 'server', 'drain'),
});
