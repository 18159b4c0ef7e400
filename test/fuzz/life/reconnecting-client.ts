import { Observed } from '../../../src/diagnostics/observed.ts';
import type { ReconnectEvent, SendOptions, TerminateEvent } from '../../../src/index.ts';
import { ClientSession, type ClientSessionOwner } from '../../../src/client/client-session.ts';
import { type CheckedReconnect, checkReconnect } from '../../../src/client/reconnect-options.ts';
import { Reconnector, type ReconnectorOwner } from '../../../src/client/reconnector.ts';
import { parseClientOptions } from '../../../src/client/client-options.ts';
import type { Connection, ConnectionListener } from '../../../src/connection/connection.ts';
import type { SendStatus } from '../../../src/connection/send-status.ts';
import { CompressionFactory } from '../../../src/connection/zlib.ts';
import { FourDError } from '../../../src/errors.ts';
import type { CheckedOptions, CommonOptions } from '../../../src/session/common-options.ts';
import type { SendableMessage } from '../../../src/session/message-types.ts';
import { openConnection } from '../../../src/session/open-connection.ts';
import { SocketTransport } from '../../../src/transport/socket-transport.ts';
import { mainWorker } from '../../../src/workers/worker.ts';
import { scopeIn } from '../../helpers/scope-in.ts';
import { MemorySocket } from '../memory-socket.ts';
import { numberOf } from './message.ts';

/** One connection of the client, as the server sees it. */
export class ServerSide implements ConnectionListener {
  readonly connection: Connection;
  readonly sockets: Readonly<Record<'client' | 'server', MemorySocket>>;
  /** Numbers of the messages that have arrived, in order. */
  readonly received: (number | undefined)[] = [];
  /** True when the server has closed the connection, or has made it fail: it then discards what comes. */
  hasClosed = false;
  isOver = false;

  constructor(connection: Connection, sockets: Readonly<Record<'client' | 'server', MemorySocket>>) {
    this.connection = connection;
    this.sockets = sockets;
    connection.start(this);
    connection.resume();
  }

  close(code: number): void {
    this.hasClosed = true;
    this.connection.close(code, '', 1000);
  }

  runReading(receive: (connection: Connection, chunk: Buffer) => void, connection: Connection, chunk: Buffer): void {
    receive(connection, chunk);
  }

  onMessage(data: string | Buffer): void {
    this.received.push(numberOf(data));
  }

  onClosing(): void {}

  onError(): void {
    this.hasClosed = true;
  }

  onWritable(): void {}

  onDropped(): void {}

  onTerminated(): void {
    this.isOver = true;
  }
}

/** A client with the option `reconnect`, over sockets in memory, as `ClientCore` makes it. */
export class ReconnectingClient implements ClientSessionOwner, ReconnectorOwner {
  readonly subject: object = this;
  readonly connectPhase = 'connecting';
  readonly session: ClientSession;
  /** The connections of the client, in order. */
  readonly servers: ServerSide[] = [];
  /** Attempts that fail before one succeeds again. */
  attemptsToFail = 0;
  terminated: TerminateEvent | undefined;
  readonly reconnects: ReconnectEvent[] = [];
  readonly #sizes: readonly number[];
  readonly #limits: CheckedOptions;
  #attemptCount = 0;

  /** @param onReconnect - runs within the callback of that name */
  constructor(
    options: CommonOptions,
    reconnect: Parameters<typeof checkReconnect>[0],
    sizes: readonly number[],
    onReconnect: () => void,
  ) {
    const scope = scopeIn(mainWorker);
    this.#sizes = sizes;
    this.#limits = parseClientOptions(options).limits;
    const reconnector = new Reconnector(checkReconnect(reconnect) as CheckedReconnect, scope, 10_000, this);
    const handler = {
      onReconnect: (_: unknown, event: ReconnectEvent) => {
        this.reconnects.push(event);
        onReconnect();
      },
      onTerminate: (_: unknown, event: TerminateEvent) => {
        this.terminated = event;
      },
    };
    const settings = { dataType: 'text', scope, limits: this.#limits, observed: new Observed('client') } as const;
    this.session = new ClientSession(this, handler, settings, reconnector);
    this.#open();
  }

  get server(): ServerSide {
    return this.servers.at(-1) as ServerSide;
  }

  send(message: SendableMessage, options: SendOptions): SendStatus {
    return this.session.send(message, options);
  }

  terminate(): void {
    if (this.session.status === 'Connecting') this.giveUpConnecting('local');
    else if (this.session.status === 'Connected') this.session.close(1000, '');
    else this.session.stayClosed();
  }

  /** Connects again now, as `ClientCore` does: an attempt that is under way is given up. */
  reconnect(): void {
    if (this.session.reconnectNow()) this.#attemptCount++;
  }

  onAttempt(): void {
    const attempt = ++this.#attemptCount;
    // A network reports the outcome in a later turn.
    setImmediate(() => {
      if (this.session.status !== 'Connecting' || attempt !== this.#attemptCount) return;
      if (this.attemptsToFail === 0) this.#open();
      else {
        this.attemptsToFail--;
        this.onConnectFailed(new FourDError('ERR_CONNECT_FAILED', 'refused', { phase: 'connecting' }));
      }
    });
  }

  onConnectFailed(error: FourDError): void {
    const isRetried = this.session.retryAfterFailure(error, 'connect', 'connecting');
    if (!isRetried) this.session.failToOpen(error, 'connect', 'connecting');
  }

  giveUpConnecting(cause: 'local'): void {
    this.session.giveUp(cause, 'connecting');
  }

  onOpened(): void {}

  onFinished(): void {}

  #open(): void {
    const [client, server] = MemorySocket.pair(this.#sizes);
    this.servers.push(new ServerSide(this.#connect(server, 'server'), { client, server }));
    this.session.open(this.#connect(client, 'client'));
  }

  #connect(socket: MemorySocket, role: 'client' | 'server'): Connection {
    const { compression } = this.#limits;
    const opened = {
      transport: new SocketTransport(socket),
      head: Buffer.alloc(0),
      answer: '',
      compression: compression && new CompressionFactory(role, compression).create(compression),
    };
    return openConnection(opened, role, { id: 1, dataType: 'text' }, this.#limits, role === 'client');
  }
}
