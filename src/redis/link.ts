import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import { type Deadline, timers } from '../base/timers.ts';
import { BrokerError } from '../topics/broker.ts';
import type { ClientLibrary } from './client-library.ts';
import type { RedisSettings, RedisTls, ServerAddress } from './options.ts';
import { type Script, SCRIPTS } from './scripts.ts';

/** How long the server may be silent while it is asked something: then the connection is given up. */
const DEADLINE_MS = 3000;
/** How often the server is asked for a sign of life. */
const PING_MS = 1000;
/** Backstop of the client library, in case a socket is silent. */
const SOCKET_TIMEOUT_MS = 4000;

/** What servers answer: texts come as bytes. */
export type Reply = Buffer | string | number | null | readonly Reply[];

/** Hears what is published on channels. */
export type ChannelListener = (message: Buffer, channel: Buffer) => void;

/** The server has answered with an error. */
export class ServerRefusal extends Error {
  /** The first word of the answer, such as `OOM`. */
  readonly kind: string;

  constructor(message: string) {
    super(message);
    this.kind = message.split(' ', 1)[0] ?? '';
  }

  /** Whether the answer is the same however often one asks. */
  get isLasting(): boolean {
    return this.kind === 'NOPERM' || this.kind === 'WRONGTYPE';
  }
}

/** What a link needs of a client of the library. */
interface Client {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'sharded-channel-moved', listener: (channel: string) => void): unknown;
  connect(): Promise<unknown>;
  sendCommand<T>(args: readonly (string | Buffer)[]): Promise<T>;
  sSubscribe(channels: string[], listener: ChannelListener, isBytes: true): Promise<void>;
  sUnsubscribe(channels: string[], listener: ChannelListener, isBytes: true): Promise<void>;
  destroy(): void;
}

/**
 * One connection to a server, from when it is ready until it is lost. A lost one is never used again: what was asked and not
 * answered is rejected, and nothing is sent twice.
 */
export class Link implements Deadline {
  readonly address: ServerAddress;
  /** Called once, when the connection is lost. */
  onLost: ((error: Error) => void) | undefined;
  readonly #client: Client;
  readonly #library: ClientLibrary;
  /** Why the connection is lost. */
  #lostBy: Error | undefined;
  /** Questions without an answer. */
  #pending = 0;
  /** When the last answer came, or the first of the pending questions was asked. */
  #progressMs = timers.nowMs;
  #ticket: number;

  private constructor(library: ClientLibrary, client: Client, address: ServerAddress) {
    this.#library = library;
    this.#client = client;
    this.address = address;
    client.on('error', (error: Error) => this.#lose(error));
    client.on('end', () => this.#lose(new Error('the connection has ended')));
    this.#ticket = timers.schedule(this, PING_MS);
  }

  /**
   * Connects.
   *
   * @throws ServerRefusal, or an Error of the network
   */
  static async connect(library: ClientLibrary, settings: RedisSettings, address: ServerAddress): Promise<Link> {
    const { tls, username, password, database } = settings;
    const client: Client = library.createClient({
      RESP: 3,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      database,
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      // Bytes are answered as bytes. A timer for each command would cost more than the command.
      commandOptions: { timeout: 0, typeMapping: { [library.RESP_TYPES.BLOB_STRING]: Buffer } },
      socket: {
        ...address,
        ...(tls !== undefined && { tls: true as const, ...withServerName(tls, address) }),
        connectTimeout: DEADLINE_MS,
        socketTimeout: SOCKET_TIMEOUT_MS,
        // This library connects again by itself, with a new client: the old one would send again what it had sent.
        reconnectStrategy: false,
      },
    });
    const link = new Link(library, client, address);
    link.#progressMs = timers.nowMs;
    link.#pending++;
    try {
      await client.connect();
      link.#onAnswer();
      return link;
    } catch (error) {
      link.close();
      throw link.#toError(error);
    }
  }

  /**
   * Asks the server something. What is asked in one turn of the event loop leaves in one write.
   *
   * @returns rejects with a {@link ServerRefusal}, which says that nothing was done; every other error says that nobody knows
   */
  send(args: (string | Buffer)[]): Promise<Reply> {
    return this.#track(() => this.#client.sendCommand<Reply>(args));
  }

  /** Makes the scripts known to the server: it forgets them when it restarts, or is told to. */
  async loadScripts(): Promise<void> {
    await Promise.all(SCRIPTS.map(({ text }) => this.send(['SCRIPT', 'LOAD', text])));
  }

  /** Runs a script that is loaded. */
  run({ sha }: Script, keys: readonly string[], values: readonly (string | Buffer)[]): Promise<Reply> {
    return this.send(['EVALSHA', sha, `${keys.length}`, ...keys, ...values]);
  }

  /** Resolves when the server announces all that is published on the channels from now on. */
  subscribe(channels: readonly string[], listener: ChannelListener): Promise<void> {
    return this.#track(() => this.#client.sSubscribe([...channels], listener, true));
  }

  unsubscribe(channels: readonly string[], listener: ChannelListener): Promise<void> {
    return this.#track(() => this.#client.sUnsubscribe([...channels], listener, true));
  }

  /** Hears of channels that the server does not serve any more. */
  onChannelMoved(callback: (channel: string) => void): void {
    this.#client.on('sharded-channel-moved', callback);
  }

  /** Ends the connection at once. {@link onLost} is not called. */
  close(): void {
    this.onLost = undefined;
    this.#lose(new Error('the connection was closed'));
  }

  // Deadline

  onDeadline(): void {
    if (this.#lostBy !== undefined) return;
    if (this.#pending > 0 && timers.nowMs - this.#progressMs >= DEADLINE_MS) {
      this.#lose(new Error(`no answer within ${DEADLINE_MS} ms`));
      return;
    }
    this.#ticket = timers.schedule(this, PING_MS / 4);
    if (this.#pending === 0 && timers.nowMs - this.#progressMs >= PING_MS) this.send(['PING']).catch(() => {});
  }

  async #track<T>(start: () => Promise<T>): Promise<T> {
    if (this.#lostBy !== undefined) throw this.#lostBy;
    if (this.#pending++ === 0) this.#progressMs = timers.nowMs;
    try {
      return await start();
    } catch (error) {
      throw this.#toError(error);
    } finally {
      this.#onAnswer();
    }
  }

  #onAnswer(): void {
    this.#pending--;
    this.#progressMs = timers.nowMs;
  }

  #lose(error: Error): void {
    if (this.#lostBy !== undefined) return;
    this.#lostBy = error;
    timers.cancel(this, this.#ticket);
    const { onLost } = this;
    this.onLost = undefined;
    this.#client.destroy();
    onLost?.(error);
  }

  #toError(error: unknown): Error {
    if (error instanceof this.#library.ErrorReply) return new ServerRefusal(error.message);
    // The client library says only that it was told to end.
    return this.#lostBy ?? (error instanceof Error ? error : new Error(String(error)));
  }
}

/** Whether an answer says that the server could not do it now, and why, as the port has it. */
export function toBrokerError(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  if (!(error instanceof ServerRefusal)) return new BrokerError('unknown', messageOf(error), { cause: error });
  const code = error.kind === 'OOM' ? 'full' : error.isLasting ? 'unsupported' : 'down';
  return new BrokerError(code, error.message, { cause: error });
}

/** The name of the server that a certificate is checked for. Addresses are no names. */
function withServerName(tls: RedisTls, { host }: ServerAddress): RedisTls {
  return tls.servername !== undefined || isIP(host) !== 0 ? tls : { ...tls, servername: host };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
