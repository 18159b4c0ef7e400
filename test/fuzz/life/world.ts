import { createServer } from 'node:http';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import {
  type Admission,
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
import { BOOM, ClosingState } from './connection-end.ts';
import { ManualClock } from './manual-clock.ts';
import { MemorySocket } from '../memory-socket.ts';
import { upgradeRequest } from '../upgrade-request.ts';
import { numberedMessage, toSendable } from './message.ts';
import type { Action, Door, Draft, Scenario, Target } from './scenario.ts';

/** Longer than anything takes, in real time, that does not wait for something that never comes: zlib has other threads. */
const MAX_SETTLE_NS = 5_000_000_000n;
/** Longer than all deadlines of a scenario one after the other. */
const MAX_END_MS = 120_000;

/** One connection: both ends, and the sockets between them. */
export interface Connection {
  readonly client: ClosingState;
  readonly server: ClosingState;
  readonly clientSession: FuzzClient;
  readonly sockets: Readonly<Record<'client' | 'server', MemorySocket>>;
  readonly door: Door;
  /** Whether the server was ending when the client asked. */
  readonly cameTooLate: boolean;
}

/** What became of a call of `drain`. */
interface DrainOutcome {
  readonly expected: number;
  actual: number | undefined;
}

/** A server and its clients, all in memory, on a clock of their own. */
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
  readonly #clock = new ManualClock();
  /** How to let in the clients that wait. */
  readonly #doors: (() => void)[] = [];
  readonly #wss: WebSocketServer<unknown>;
  readonly #onUnhandled = (error: unknown): void => void this.unhandled.push(error);
  #broadcasts = 0;
  #isServerEnding = false;
  /** The connection that is being opened. */
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
          if (open.length > 0) this.violations.push('the server ended before its connections');
          throw new Error(BOOM);
        },
      },
      { ...scenario.options, dataType: scenario.dataType as 'object', webServer: this.#http },
    ) as WebSocketServer<unknown>;
  }

  /** Lives the scenario from its beginning to its end. */
  async live(): Promise<void> {
    await setImmediate();
    for (let i = 0; i < this.#scenario.clients; i++) this.#connect('accept');
    await this.#turn(4);
    for (const action of this.#scenario.actions) {
      await this.#act(action);
      this.#look();
    }
    await this.#settle();
    await this.#end();
  }

  /** Gives everything back that is not the world's. */
  leave(): void {
    this.#clock.restore();
    onErrCall(null, ek.global);
    process.off('unhandledRejection', this.#onUnhandled);
    process.off('uncaughtException', this.#onUnhandled);
  }

  get ends(): ClosingState[] {
    return this.connections.flatMap(({ client, server }) => [client, server]);
  }

  /** Timers and deadlines that are set. */
  get pendingTimers(): number {
    return this.#clock.pending + timers.pendingTicks;
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
        this.#destroy(action.on);
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
        if (face !== undefined) face.expiresAt = action.inMs === undefined ? undefined : Date.now() + action.inMs;
        break;
      }
      case 'broadcast':
        this.#broadcast(action.draft, action.except);
        break;
      case 'connect':
        if (this.connections.length < 5) this.#connect(action.door);
        break;
      case 'open the door':
        this.#doors.shift()?.();
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

  #endOf({ connection, role }: Target): ClosingState | undefined {
    return this.connections[connection % this.connections.length]?.[role];
  }

  #socket({ connection, role }: Target): MemorySocket | undefined {
    return this.connections[connection % this.connections.length]?.sockets[role];
  }

  /** Ends the client without a close frame: a server can do so for all of its connections only. */
  #destroy({ connection }: Target): void {
    const { client, clientSession } = this.connections[connection % this.connections.length] as Connection;
    if (client.face === undefined) return;
    client.isEndedHere = true;
    clientSession.session.destroy();
  }

  #connect(door: Door): void {
    const { options, dataType, reactions } = this.#scenario;
    const number = this.connections.length;
    const [clientSocket, serverSocket] = MemorySocket.pair(this.#scenario.sizes);
    const client = new ClosingState(`client ${number}`, 'client', reactions.client);
    const server = new ClosingState(`server ${number}`, 'server', reactions.server);
    const { handshakeTimeoutMs: _, ...shared } = options;
    const clientSession = new FuzzClient(clientSocket, client, dataType, {
      compression: shared.compression,
      bufferPolicy: shared.bufferPolicy,
      maxBufferedBytes: shared.maxBufferedBytes,
      maxWaitingMessages: shared.maxWaitingMessages,
      closeTimeoutMs: shared.closeTimeoutMs,
      pingIntervalMs: shared.pingIntervalMs,
    });
    const sockets = { client: clientSocket, server: serverSocket };
    const connection = { client, server, clientSession, sockets, door, cameTooLate: this.#isServerEnding };
    this.connections.push(connection);
    this.#arriving = connection;
    const offer = parseClientOptions({ compression: options.compression }).limits.compression;
    const request = upgradeRequest(serverSocket, offer && buildOffer(offer));
    // Nobody listens any more when the server is over.
    if (!this.#http.emit('upgrade', request, serverSocket, Buffer.alloc(0))) serverSocket.destroy();
    this.#arriving = undefined;
  }

  #onConnection(): Admission<unknown> | Promise<Admission<unknown>> {
    const { server, door } = this.#arriving as Connection;
    const handler = server as unknown as ConnectionHandler<unknown>;
    if (door === 'accept') return handler;
    if (door === 'refuse') return refuse(401, 'no');
    if (door === 'throw') throw new Error(BOOM);
    return new Promise((resolve) => {
      this.#doors.push(() => resolve(handler));
    });
  }

  #broadcast(draft: Draft, except: number | undefined): void {
    const n = -1 - this.#broadcasts++;
    // Its bytes must not change, whatever their number.
    const { value } = toSendable(numberedMessage(n, draft.bytes), draft.form);
    const spared = except === undefined ? undefined : this.connections[except % this.connections.length]?.server;
    const open = this.connections.filter(({ server }) => server.face?.status === 'Connected' && server !== spared);
    const count = this.#wss.broadcast(value, { ...draft, except: spared?.face as never });
    if (count > open.length) this.violations.push(`a broadcast went to ${count} of ${open.length}`);
    for (const { server } of open) server.sent.push({ n, isOptional: count < open.length || draft.droppable });
    for (const { server } of open) server.mayBeQueued();
  }

  #drain(options: { batchSize: number; intervalMs: number; deadlineMs: number }): void {
    const open = this.#wss.connections.length;
    this.#isServerEnding = true;
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
    for (const { server } of this.connections) {
      server.mayLoseMessages = true;
      if (server.face?.status === 'Connected') server.isEndedHere = true;
    }
    this.#wss.terminate(timeout);
  }

  /** Lets everything that waits for this program go on, until nothing is under way. */
  async #settle(): Promise<void> {
    const endsAt = process.hrtime.bigint() + MAX_SETTLE_NS;
    this.#letFlow();
    for (let i = 0; !this.#isSettled && process.hrtime.bigint() < endsAt; i++) {
      this.#letFlow();
      // Not to be spun through: the threads of zlib need the processor too.
      await (i < 100 ? setImmediate() : sleep(1));
      this.#look();
    }
    for (const { client, server } of this.connections) {
      if (client.face?.status !== 'Connected' || server.face?.status !== 'Connected' || this.#isSettled) continue;
      this.violations.push(`${client.name} and ${server.name} are open, and have not got all`);
    }
    await this.#turn(4);
  }

  /** Whether each open connection has delivered what was sent. */
  get #isSettled(): boolean {
    return this.connections.every(({ client, server, clientSession, sockets }) => {
      const isArriving = clientSession.refusal === undefined && !sockets.client.destroyed;
      if (client.face === undefined) return !isArriving;
      const isOpen = client.face?.status === 'Connected' && server.face?.status === 'Connected';
      if (!isOpen) return true;
      return !client.isBusy && !server.isBusy && client.hasGot(server) && server.hasGot(client);
    });
  }

  #letFlow(): void {
    for (const { sockets } of this.connections) {
      sockets.client.isStalled = false;
      sockets.server.isStalled = false;
    }
    for (const open of this.#doors.splice(0)) open();
    for (const end of this.ends) while (end.gates > 0) end.openGate(false);
  }

  async #end(): Promise<void> {
    const { ending } = this.#scenario;
    if (ending === 'clients') for (const { client } of this.connections) client.terminate(1000, 'the end');
    if (ending === 'drain') this.#drain({ batchSize: 2, intervalMs: 10, deadlineMs: 1000 });
    if (ending !== 'server') await this.#pass(MAX_END_MS, () => this.ends.every(isOver));
    this.#endServer(1);
    await this.#pass(MAX_END_MS, () => this.ends.every(isOver) && this.serverCalls.includes('onTerminate'));
    for (const end of this.ends) end.useAfterEnd();
    // Refused sockets linger for a while.
    await this.#pass(10_000, () => this.pendingTimers === 0);
    await this.#turn(4);
  }

  /** Lets time pass until this holds. */
  async #pass(durationMs: number, isReached: () => boolean): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs && !isReached(); passedMs += 200) {
      this.#letFlow();
      await this.#turn(5);
      if (!isReached()) await this.#clock.advance(200);
      // Compressing goes on in other threads, by the real clock.
      if (passedMs > 2000) await sleep(1);
      this.#look();
    }
  }

  async #turn(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await setImmediate();
  }

  #look(): void {
    for (const end of this.ends) end.look();
  }
}

function isOver({ face, terminated, isBusy }: ClosingState): boolean {
  return face === undefined || (terminated !== undefined && !isBusy);
}
