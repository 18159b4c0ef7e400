import type { Ending } from '../connection/closing-state.ts';
import { CLOSE_UNAUTHORIZED } from '../protocol/constants.ts';
import { type Expirable, Expiry } from '../session/expiry.ts';
import { Session, type SessionSettings } from '../session/session.ts';

/** The server of a session, which hears how it ends. */
export interface SessionServer {
  /** Runs `deliver`, which calls onTerminate, when it is the turn of this session. */
  deliverEnd(session: ServerSession, deliver: () => void): void;
  /** The connection is over, onTerminate about to run. */
  onSessionClosed(session: ServerSession): void;
  /** onTerminate has run. */
  onSessionFinished(): void;
}

/** One connection of a server: the {@link Session}, its server, and when it expires. */
export class ServerSession extends Session implements Expirable {
  get component(): 'HTTP' {
    return 'HTTP';
  }

  /** The connection object that users see. Set before the session opens. */
  subject!: object;
  /** What the connection counts for: `ConnectionCounts.networkOf`. */
  readonly network: string;
  /** True when nothing is left of the connection but its onTerminate. */
  hasEnded = false;
  readonly #server: SessionServer;
  #expiry: Expiry | undefined;

  constructor(server: SessionServer, handler: object, settings: SessionSettings, network: string) {
    super(handler, settings);
    this.#server = server;
    this.network = network;
  }

  /** When the connection ends by itself, in milliseconds since 1970; undefined for never. */
  get expiresAt(): number | undefined {
    return this.#expiry?.at;
  }

  setExpiry(moment: unknown): void {
    const at = moment instanceof Date ? moment.getTime() : moment;
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
    super.onTerminated(ending);
  }

  protected override deliverEnd(deliver: () => void): void {
    this.hasEnded = true;
    this.#server.deliverEnd(this, deliver);
  }

  protected override onClosed(): void {
    this.#server.onSessionClosed(this);
  }

  protected override onFinished(): void {
    this.#server.onSessionFinished();
  }
}
