import type { Ending } from '../connection/closing-state.ts';
import { CLOSE_UNAUTHORIZED } from '../protocol/constants.ts';
import { type Expirable, Expiry } from './expiry.ts';
import type { SessionSettings } from '../session/session-settings.ts';
import { Session } from '../session/session.ts';

/** The server of a session, which the session tells about its end. */
export interface SessionServer {
  /** Called when the connection is over: its socket is gone. Callbacks may still run, or wait for their turn. */
  onSessionEnded(session: ServerSession): void;
  /** Calls `deliver`, which runs onTerminate, when it is this session's turn. */
  deliverEnd(session: ServerSession, deliver: () => void): void;
  /** Called when onTerminate is about to run. */
  onSessionClosed(session: ServerSession): void;
  /** Called when onTerminate has run. */
  onSessionFinished(): void;
}

/** One connection of a server: a {@link Session} with its server and its time of expiry. */
export class ServerSession extends Session implements Expirable {
  get component(): 'HTTP' {
    return 'HTTP';
  }

  /** The connection object that users see. Set before the session opens. */
  subject!: object;
  /** The network that the connection counts for: `ConnectionCounts.networkOf`. */
  readonly network: string;
  readonly #server: SessionServer;
  #expiry: Expiry | undefined;

  constructor(server: SessionServer, handler: object, settings: SessionSettings, network: string) {
    super(handler, settings);
    this.#server = server;
    this.network = network;
  }

  /** When the session expires, in milliseconds since 1970; undefined for never. */
  get expiresAt(): number | undefined {
    return this.#expiry?.at;
  }

  setExpiry(moment: unknown): void {
    const at = readMoment(moment);
    if (at !== undefined && !Number.isFinite(at)) {
      this.generateMisuse(
        'ERR_INVALID_EXPIRY',
        'invalid expiresAt: it must be a valid Date, a number of milliseconds since 1970, or undefined',
      );
      return;
    }
    if (this.status !== 'Connected') return;
    this.#expiry?.cancel();
    this.#expiry = at === undefined ? undefined : new Expiry(this, at as number);
  }

  expire(): void {
    if (this.status !== 'Connected') return;
    this.close(CLOSE_UNAUTHORIZED, 'session expired', this.settings.limits.closeTimeoutMs, 'expired');
  }

  override onTerminated(ending: Ending): void {
    this.#expiry?.cancel();
    this.#server.onSessionEnded(this);
    super.onTerminated(ending);
  }

  protected override deliverEnd(deliver: () => void): void {
    this.#server.deliverEnd(this, deliver);
  }

  protected override onClosed(): void {
    this.#server.onSessionClosed(this);
  }

  protected override onFinished(): void {
    this.#server.onSessionFinished();
  }
}

/** Returns the time of a Date, NaN when reading it throws, and any other value as it is. */
function readMoment(moment: unknown): unknown {
  try {
    return moment instanceof Date ? moment.getTime() : moment;
  } catch {
    return NaN;
  }
}
