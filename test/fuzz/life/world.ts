import { createServer } from 'node:http';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import {
  type Admission,
  type CommonOptions,
  type ConnectionHandler,
  ek,
  type ErrorEvent,
  type ErrorItem,
  onErrCall,
  refuse,
  WebSocketServer,
} from '../../../src/index.ts';
import { parseClientOptions } from '../../../src/client/client-options.ts';
import { buildOffer } from '../../../src/handshake/permessage-deflate.ts';
import { timers } from '../../../src/base/timers.ts';
import { FuzzClient } from './fuzz-client.ts';
import { BOOM, ConnectionEnd } from './connection-end.ts';
import { createClock } from '../../../src/testing.ts';
import { MemorySocket } from '../memory-socket.ts';
import { upgradeRequest } from '../upgrade-request.ts';
import { numberedMessage, toSendable } from './message.ts';
import { type Action, type Decision, type Draft, type Scenario, sendOptionsOf, type Target } from './scenario.ts';

/** Longest real time until everything has arrived. The threads of zlib need real time. */
const MAX_SETTLE_NS = 5_000_000_000n;
/** Longest time on the manual clock: more than all deadlines of a scenario one after the other. */
const MAX_END_MS = 120_000;

/** One connection: both ends, and their sockets. */
export interface Connection {
  readonly client: ConnectionEnd;
  readonly server: ConnectionEnd;
  readonly clientSession: FuzzClient;
  readonly sockets: Readonly<Record<'client' | 'server', MemorySocket>>;
  readonly decision: Decision;
  /** Whether the server was ending when the client connected. */
  readonly cameTooLate: boolean;
}

/** Numbers of connections in the result of a call of `drain`. */
interface DrainOutcome {
  readonly expected: number;
  actual: number | undefined;
}

/** A server and its clients, in memory and on a manual clock. */
export class World {
  readonly connections: Connection[] = [];
  readonly violations: string[] = [];
  readonly drains: DrainOutcome[] = [];
  /** Callbacks of the server that ran, in order. */
  readonly serverCalls: string[] = [];
  readonly reported: ErrorItem[] = [];
  readonly unhandled: unknown[] = [];
  readonly #scenario: Scenario;
  readonly #http = createServer();
  readonly #clock = createClock();
  /** Decisions of `onConnection` that are pending. A call accepts the client. */
  readonly #pendingDecisions: (() => void)[] = [];
  readonly #wss: WebSocketServer<unknown>;
  readonly #onUnhandled = (error: unknown): void => void this.unhandled.push(error);
  #broadcasts = 0;
  #isServerEnding = false;
  /** True once the end of the server must be over in a given time. */
  #hasDeadline = false;
  /** The connection whose request is being emitted. */
  #arriving: Connection | undefined;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    process.on('unhandledRejection', this.#onUnhandled);
    process.on('uncaughtException', this.#onUnhandled);
    onErrCall((errors) => void this.reported.push(...errors), ek.global);
    this.#wss = WebSocketServer.new(
      {
        onOpen: () => void this.serverCalls.push('onOpen'),
        onConnection: () => this.#onConnection(),
        onError: (_wss: unknown, { errors }: ErrorEvent) => {
          this.serverCalls.push('onError');
          if (!errors[0]?.message.includes(BOOM)) this.violations.push(`the server got ${errors[0]?.message}`);
        },
        onTerminate: () => {
          this.serverCalls.push('onTerminate');
          const open = this.connections.filter(({ server }) => server.face !== undefined && !server.terminated);
          // A server whose time is up does not wait for callbacks, but for everything else.
          const isAllowed = this.#hasDeadline && open.every(({ server }) => server.isBusy);
          if (open.length > 0 && !isAllowed) this.violations.push('the server ended before its connections');
          throw new Error(BOOM);
        },
      },
      {
        ...scenario.options,
        borrowed: borrowedOf(scenario),
        dataType: scenario.dataType as 'object',
        webServer: this.#http,
      },
    ) as WebSocketServer<unknown>;
  }

  /** Runs the scenario from begin to end. */
  async run(): Promise<void> {
    await setImmediate();
    for (let i = 0; i < this.#scenario.clients; i++) this.#connect('accept');
    await this.#turn(4);
    for (const action of this.#scenario.actions) {
      await this.#act(action);
      this.#checkStatuses();
    }
    await this.#settle();
    await this.#end();
  }

  /** Restores the clock and the global handlers. */
  restore(): void {
    this.#clock.restore();
    onErrCall(null, ek.global);
    process.off('unhandledRejection', this.#onUnhandled);
    process.off('uncaughtException', this.#onUnhandled);
  }

  get ends(): ConnectionEnd[] {
    return this.connections.flatMap(({ client, server }) => [client, server]);
  }

  /** Number of timers and deadlines that are set. */
  get pendingTimers(): number {
    return this.#clock.pendingTimers + timers.pendingTicks;
  }

  get openConnections(): number {
    return this.#wss.connections.length;
  }

  async #act(action: Action): Promise<void> {
    switch (action.does) {
      case 'send':
        for (const draft of action.drafts) this.#endOf(action.on)?.send(draft);
        break;
      case 'send nonsense':
        this.#endOf(action.on)?.sendNonsense();
        break;
      case 'terminate':
        this.#endOf(action.on)?.terminate(action.code, action.reason);
        break;
      case 'destroy':
        this.#endOf(action.on)?.destroy();
        break;
      case 'cut':
        this.#socket(action.on)?.destroy(new Error('cut'));
        break;
      case 'stall':
      case 'flow': {
        const socket = this.#socket(action.on);
        if (socket !== undefined) socket.isStalled = action.does === 'stall';
        break;
      }
      case 'await drained':
        void this.#endOf(action.on)?.drained();
        break;
      case 'open a gate':
        this.#endOf(action.on)?.openGate(action.rejects);
        break;
      case 'expire': {
        const face = this.#endOf(action.on)?.face as { expiresAt: number | undefined } | undefined;
        if (face !== undefined) face.expiresAt = action.inMs === undefined ? undefined : this.#clock.now + action.inMs;
        break;
      }
      case 'broadcast':
        this.#broadcast(action.draft, action.except);
        break;
      case 'connect':
        if (this.connections.length < 5) this.#connect(action.decision);
        break;
      case 'decide':
        this.#pendingDecisions.shift()?.();
        break;
      case 'let time pass':
        await this.#clock.advance(action.ms);
        break;
      case 'turn':
        await this.#turn(action.count);
        break;
      case 'drain':
        this.#drain(action);
        break;
      case 'end the server':
        this.#endServer(action.timeout);
        break;
    }
  }

  #endOf({ connection, role }: Target): ConnectionEnd | undefined {
    return this.connections[connection % this.connections.length]?.[role];
  }

  #socket({ connection, role }: Target): MemorySocket | undefined {
    return this.connections[connection % this.connections.length]?.sockets[role];
  }

  #connect(decision: Decision): void {
    const { options, dataType, reactions } = this.#scenario;
    const number = this.connections.length;
    const [clientSocket, serverSocket] = MemorySocket.pair(this.#scenario.sizes);
    const client = new ConnectionEnd(`client ${number}`, 'client', reactions.client);
    const server = new ConnectionEnd(`server ${number}`, 'server', reactions.server);
    const { handshakeTimeoutMs: _, ...shared } = options;
    const clientSession = new FuzzClient(clientSocket, client, dataType, {
      compression: shared.compression,
      bufferPolicy: shared.bufferPolicy,
      borrowed: borrowedOf(this.#scenario),
      maxBufferedBytes: shared.maxBufferedBytes,
      maxWaitingMessages: shared.maxWaitingMessages,
      closeTimeoutMs: shared.closeTimeoutMs,
      pingIntervalMs: shared.pingIntervalMs,
    });
    const sockets = { client: clientSocket, server: serverSocket };
    const connection = { client, server, clientSession, sockets, decision, cameTooLate: this.#isServerEnding };
    this.connections.push(connection);
    this.#arriving = connection;
    const offer = parseClientOptions({ compression: options.compression }).limits.compression;
    const request = upgradeRequest(serverSocket, offer && buildOffer(offer));
    // A server that is over has removed its 'upgrade' listener.
    if (!this.#http.emit('upgrade', request, serverSocket, Buffer.alloc(0))) serverSocket.destroy();
    this.#arriving = undefined;
  }

  #onConnection(): Admission<unknown> | Promise<Admission<unknown>> {
    const { server, decision } = this.#arriving as Connection;
    const handler = server as unknown as ConnectionHandler<unknown>;
    if (decision === 'accept') return handler;
    if (decision === 'refuse') return refuse(401, 'no');
    if (decision === 'throw') throw new Error(BOOM);
    return new Promise((resolve) => {
      this.#pendingDecisions.push(() => resolve(handler));
    });
  }

  #broadcast(draft: Draft, except: number | undefined): void {
    const n = -1 - this.#broadcasts++;
    // The bytes of a broadcast must not change, whatever their size.
    const { value } = toSendable(numberedMessage(n, draft.bytes), draft.form);
    const spared = except === undefined ? undefined : this.connections[except % this.connections.length]?.server;
    const open = this.connections.filter(({ server }) => server.face?.status === 'Connected' && server !== spared);
    const count = this.#wss.broadcast(value, { ...sendOptionsOf(draft), except: spared?.face as never });
    if (count > open.length) this.violations.push(`a broadcast went to ${count} of ${open.length}`);
    for (const { server } of open) server.sent.push({ n, isOptional: count < open.length || draft.droppable });
    for (const { server } of open) server.mayHaveQueued();
  }

  #drain(options: { batchSize: number; intervalMs: number; deadlineMs: number }): void {
    const open = this.#wss.connections.length;
    this.#isServerEnding = true;
    this.#hasDeadline = true;
    const outcome: DrainOutcome = { expected: open, actual: undefined };
    this.drains.push(outcome);
    for (const { server } of this.connections) server.mayLoseMessages = true;
    const { batchSize, intervalMs, deadlineMs } = options;
    const drained = async (): Promise<void> => {
      const { closed, dropped } = await this.#wss.drain({ batchSize, intervalMs, deadlineMs, code: 4002 });
      outcome.actual = closed + dropped;
    };
    void drained();
  }

  #endServer(timeout: number | undefined): void {
    this.#isServerEnding = true;
    this.#hasDeadline ||= timeout !== undefined;
    for (const { server } of this.connections) {
      server.mayLoseMessages = true;
      if (server.face?.status === 'Connected') server.isEndedHere = true;
    }
    this.#wss.terminate(timeout);
  }

  /** Lets everything that waits go on, until all messages have arrived. */
  async #settle(): Promise<void> {
    const endsAt = process.hrtime.bigint() + MAX_SETTLE_NS;
    this.#letFlow();
    for (let i = 0; !this.#isSettled && process.hrtime.bigint() < endsAt; i++) {
      this.#letFlow();
      // Sleeping leaves the processor to the threads of zlib.
      await (i < 100 ? setImmediate() : sleep(1));
      this.#checkStatuses();
    }
    for (const { client, server } of this.connections) {
      if (client.face?.status !== 'Connected' || server.face?.status !== 'Connected' || this.#isSettled) continue;
      this.violations.push(`${client.name} and ${server.name} are open, and have not got all messages`);
    }
    await this.#turn(4);
  }

  /** Whether each open connection has delivered all messages. */
  get #isSettled(): boolean {
    return this.connections.every(({ client, server, clientSession, sockets }) => {
      const isArriving = clientSession.refusal === undefined && !sockets.client.destroyed;
      if (client.face === undefined) return !isArriving;
      const isOpen = client.face?.status === 'Connected' && server.face?.status === 'Connected';
      if (!isOpen) return true;
      return !client.isBusy && !server.isBusy && client.hasReceivedAll(server) && server.hasReceivedAll(client);
    });
  }

  #letFlow(): void {
    for (const { sockets } of this.connections) {
      sockets.client.isStalled = false;
      sockets.server.isStalled = false;
    }
    for (const open of this.#pendingDecisions.splice(0)) open();
    for (const end of this.ends) while (end.gates > 0) end.openGate(false);
  }

  async #end(): Promise<void> {
    const { ending } = this.#scenario;
    if (ending === 'clients') for (const { client } of this.connections) client.terminate(1000, 'the end');
    if (ending === 'drain') this.#drain({ batchSize: 2, intervalMs: 10, deadlineMs: 1000 });
    if (ending !== 'server') await this.#advanceUntil(MAX_END_MS, () => this.ends.every(isOver));
    this.#endServer(1);
    await this.#advanceUntil(MAX_END_MS, () => this.ends.every(isOver) && this.serverCalls.includes('onTerminate'));
    for (const end of this.ends) end.useAfterEnd();
    // The sockets of refused clients stay open for a while.
    await this.#advanceUntil(10_000, () => this.pendingTimers === 0);
    await this.#turn(4);
  }

  /** Advances the clock until `isReached` is true, for `durationMs` at most. */
  async #advanceUntil(durationMs: number, isReached: () => boolean): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs && !isReached(); passedMs += 200) {
      this.#letFlow();
      await this.#turn(5);
      if (!isReached()) await this.#clock.advance(200);
      // Compression in other threads needs real time.
      if (passedMs > 2000) await sleep(1);
      this.#checkStatuses();
    }
  }

  async #turn(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await setImmediate();
  }

  #checkStatuses(): void {
    for (const end of this.ends) end.checkStatus();
  }
}

function isOver({ face, terminated, isBusy }: ConnectionEnd): boolean {
  return face === undefined || (terminated !== undefined && !isBusy);
}

/** Only bytes can be borrowed. */
function borrowedOf({ options, dataType }: Scenario): CommonOptions['borrowed'] {
  return dataType === 'blob' ? options.borrowed : false;
}
