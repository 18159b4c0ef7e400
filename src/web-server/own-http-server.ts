import { type Deadline, timers } from '../base/timers.ts';
import type { HttpOrHttpsServer } from '../http/upgradable-server.ts';
import { type Certificate, HttpServers } from './http-servers.ts';
import { toFourDError } from './web-server.ts';
import { checkSettings } from './web-server-settings.ts';

/** Time in milliseconds for refused clients to read their answer, when the server stops. */
const STOP_TIMEOUT_MS = 250;

/** Where an {@link OwnHttpServer} listens, and what it serves. */
export interface OwnHttpSettings {
  readonly port: number;
  /** `''` for all addresses. */
  readonly host: string;
  /** With a certificate the server speaks HTTPS and no plain HTTP. */
  readonly certificate: Certificate | undefined;
  readonly rootFolder: string | undefined;
  /** Hosts that requests may ask for; undefined for all. */
  readonly hosts: readonly string[] | undefined;
}

/** The HTTP or HTTPS server of one `WebSocketServer`, which nobody else uses: it listens from its start to its stop. */
export class OwnHttpServer implements Deadline {
  readonly #servers: HttpServers;
  #stopped: Promise<void> | undefined;

  /** @throws FourDError (as a rejection) when it cannot listen: then no port remains open */
  static async start(settings: OwnHttpSettings): Promise<OwnHttpServer> {
    const { port, host, certificate, rootFolder, hosts } = settings;
    const plain = checkSettings({ HTTPPort: port, IPAddressToListen: host, rootFolder, hosts });
    const secure = { ...plain, HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: port };
    try {
      return new OwnHttpServer(await HttpServers.listen(certificate === undefined ? plain : secure, certificate));
    } catch (error) {
      throw toFourDError(error);
    }
  }

  private constructor(servers: HttpServers) {
    this.#servers = servers;
  }

  /** The server of Node. */
  get server(): HttpOrHttpsServer {
    return this.#servers.all[0] as HttpOrHttpsServer;
  }

  /** See {@link HttpServers.setHandshakeTimeout}. */
  setHandshakeTimeout(timeoutMs: number): void {
    this.#servers.setHandshakeTimeout(timeoutMs);
  }

  /** Stops listening and ends all connections. A further call waits for the same end. Never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  onDeadline(): void {
    this.#servers.destroySockets();
  }

  async #stop(): Promise<void> {
    this.#servers.stopListening();
    this.#servers.closePlainConnections();
    const ticket = timers.schedule(this, STOP_TIMEOUT_MS);
    await this.#servers.closed();
    timers.cancel(this, ticket);
  }
}
