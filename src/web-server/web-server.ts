import { setImmediate } from '../base/clock.ts';
import { type ErrorItem, FourDError, isFourDError, textOfThrown } from '../errors.ts';
import { CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import { timers } from '../base/timers.ts';
import type { HttpOrHttpsServer } from '../http/upgradable-server.ts';
import { defineInspection } from '../session/inspection.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, HttpServers } from './http-servers.ts';
import { notStartedError } from './not-started.ts';
import {
  type CheckedSettings,
  checkSettings,
  type CORSRule,
  readSettings,
  type WebServerSettings,
} from './web-server-settings.ts';

/** Time for the peers of a stopped web server to answer the close frame, in milliseconds. */
const STOP_TIMEOUT_MS = 5000;

/** The result of `start()`. */
export interface StartResult {
  readonly success: boolean;
  /** Why the server did not start, the most specific item first. Absent on success. */
  readonly errors?: readonly ErrorItem[];
}

/** A WebSocket server that is attached to a web server and ends with it. */
interface Attached {
  /** How long a client may take for its request, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  shutdown(code: number, timeoutMs: number): void;
  onceEnded(listener: () => void): void;
}

/** Makes a WebSocket server end with its web server. Returns a function that undoes it. Internal, not public. */
export let attach: (web: WebServer, server: Attached) => () => void;

/**
 * Returns the error of using a web server that does not run. Internal, not public.
 *
 * @param isGiven - false for the default web server of a program that has passed none
 */
export let notStarted: (web: WebServer, isGiven: boolean) => FourDError;

/**
 * An HTTP(S) server for static files and WebSocket servers.
 *
 * @see the 4D page of the WebServer class
 */
export class WebServer {
  readonly #ownSettings: WebServerSettings;
  #settings: CheckedSettings;
  /** Undefined unless the web server is running. */
  #servers: HttpServers | undefined;
  #starting: Promise<StartResult> | undefined;
  #stopping: Promise<void> | undefined;
  /** Why the last start failed. Undefined when it did not. */
  #startError: FourDError | undefined;
  readonly #attached = new Set<Attached>();

  static {
    attach = (web, server) => {
      web.#attached.add(server);
      web.#applyHandshakeTimeout();
      return () => {
        web.#attached.delete(server);
        web.#applyHandshakeTimeout();
      };
    };
    defineInspection(this, (web) => ({
      name: web.name,
      isRunning: web.isRunning,
      HTTPPort: web.HTTPEnabled ? web.HTTPPort : undefined,
      HTTPSPort: web.HTTPSEnabled ? web.HTTPSPort : undefined,
      webSocketServers: web.#attached.size,
    }));
    notStarted = (web, isGiven) => {
      const isStarting = web.#starting !== undefined;
      const isStopping = web.#stopping !== undefined;
      const state = isStarting ? 'starting' : isStopping ? 'stopping' : 'stopped';
      return notStartedError(state, web.#startError, isGiven);
    };
  }

  /**
   * @param settings - settings of every {@link start}, which may override them for one run
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(settings: WebServerSettings = {}) {
    this.#ownSettings = readSettings(settings);
    this.#settings = checkSettings(this.#ownSettings);
  }

  /**
   * Starts listening. A start during a {@link stop} first waits until the server has stopped.
   *
   * @param settings - settings that override those of the constructor until {@link stop}
   * @returns `{ success: true }`, or `{ success: false, errors }`; the promise never rejects. On a running server it
   *   fails, and the server keeps running.
   */
  start(settings: WebServerSettings = {}): Promise<StartResult> {
    if (this.isRunning || this.#starting !== undefined) {
      const message = 'cannot start the web server: it is already running, await stop() first';
      const { item } = new FourDError('ERR_WEB_SERVER_ALREADY_STARTED', message, { componentSignature: 'HTTP' });
      return Promise.resolve({ success: false, errors: [item] });
    }
    this.#starting = this.#start(settings);
    return this.#starting;
  }

  /**
   * Stops the server: it accepts no new connections, and its WebSocket peers get 1001 and at most 5 s to answer. The
   * onTerminate of all connections run, then those of the WebSocket servers. Callbacks that are not over after these 5 s
   * are not waited for. HTTP requests in progress are cut off.
   * Settings of {@link start} are dropped. A stop during a {@link start} first waits until the server has started.
   *
   * @returns resolves when the server has stopped; at once when it is not running
   */
  stop(): Promise<void> {
    if (this.#starting !== undefined) return this.#starting.then(() => this.stop());
    if (this.#servers !== undefined) this.#stopping = this.#stop(this.#servers);
    return this.#stopping ?? Promise.resolve();
  }

  /** Stops the server: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Whether the server listens. */
  get isRunning(): boolean {
    return this.#servers !== undefined;
  }

  /** The Node servers of a running web server; empty when it is stopped. Use them for routes of your own. */
  get httpServers(): readonly HttpOrHttpsServer[] {
    return this.#servers?.all ?? [];
  }

  get name(): string {
    return this.#settings.name;
  }

  get HTTPEnabled(): boolean {
    return this.#settings.HTTPEnabled;
  }

  /** The real port while running, also when 0 was set. */
  get HTTPPort(): number {
    return this.#settings.HTTPPort;
  }

  get HTTPSEnabled(): boolean {
    return this.#settings.HTTPSEnabled;
  }

  /** The real port while running, also when 0 was set. */
  get HTTPSPort(): number {
    return this.#settings.HTTPSPort;
  }

  get IPAddressToListen(): string {
    return this.#settings.IPAddressToListen;
  }

  get rootFolder(): string | undefined {
    return this.#settings.rootFolder;
  }

  get followLinks(): boolean {
    return this.#settings.followLinks;
  }

  get defaultHomepage(): string {
    return this.#settings.defaultHomepage;
  }

  get certificateFolder(): string | undefined {
    return this.#settings.certificateFolder;
  }

  get minTLSVersion(): 1 | 2 | 3 | 4 {
    return this.#settings.minTLSVersion;
  }

  get CORSEnabled(): boolean {
    return this.#settings.CORSEnabled;
  }

  get CORSSettings(): readonly CORSRule[] {
    return this.#settings.CORSSettings;
  }

  get hosts(): readonly string[] | undefined {
    return this.#settings.hosts;
  }

  get requestTimeoutMs(): number {
    return this.#settings.requestTimeoutMs;
  }

  get responseStallMs(): number {
    return this.#settings.responseStallMs;
  }

  get maxConnections(): number {
    return this.#settings.maxConnections;
  }

  get maxConnectionsPerAddress(): number {
    return this.#settings.maxConnectionsPerAddress;
  }

  /** A client has not said yet which WebSocket server it wants, so the shortest of their times counts. */
  #applyHandshakeTimeout(): void {
    const timeouts = Array.from(this.#attached, ({ handshakeTimeoutMs }) => handshakeTimeoutMs);
    this.#servers?.setHandshakeTimeout(timeouts.length === 0 ? DEFAULT_HANDSHAKE_TIMEOUT_MS : Math.min(...timeouts));
  }

  async #start(settings: WebServerSettings): Promise<StartResult> {
    await this.#stopping;
    try {
      const checked = checkSettings(settings, this.#ownSettings);
      const servers = await HttpServers.listen(checked);
      this.#settings = Object.freeze({ ...checked, ...servers.ports });
      this.#servers = servers;
      this.#startError = undefined;
      return { success: true };
    } catch (thrown) {
      this.#startError = toFourDError(thrown);
      return { success: false, errors: [this.#startError.item] };
    } finally {
      this.#starting = undefined;
    }
  }

  async #stop(servers: HttpServers): Promise<void> {
    this.#servers = undefined;
    this.#settings = checkSettings(this.#ownSettings);
    servers.stopListening();
    const attached = Array.from(this.#attached);
    const ended = attached.map((server) => new Promise<void>((resolve) => server.onceEnded(resolve)));
    for (const server of attached) server.shutdown(CLOSE_GOING_AWAY, STOP_TIMEOUT_MS);
    // Nobody else ends connections in an unfinished TLS handshake, or upgrades that another listener has taken. The
    // WebSocket servers cut their own connections first, in an immediate of the same deadline.
    const deadline = { onDeadline: () => void setImmediate(() => servers.destroySockets()) };
    const ticket = timers.schedule(deadline, STOP_TIMEOUT_MS);
    await Promise.all(ended);
    servers.closePlainConnections();
    await servers.closed();
    timers.cancel(deadline, ticket);
    this.#stopping = undefined;
  }
}

let defaultWebServer: WebServer | undefined;

/** Returns the default web server, which every `WebSocketServer` without the option `webServer` uses. */
export function webServer(): WebServer {
  defaultWebServer ??= new WebServer();
  return defaultWebServer;
}

/** Returns the error of a start that failed, whatever was thrown. */
export function toFourDError(error: unknown): FourDError {
  if (isFourDError(error)) return error;
  return new FourDError('ERR_WEB_SERVER_LISTEN', `cannot start: ${textOfThrown(error)}`, {
    componentSignature: 'HTTP',
    cause: error,
  });
}
