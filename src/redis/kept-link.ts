import { type Deadline, timers } from '../base/timers.ts';
import { backoffDelayMs } from '../client/reconnect-policy.ts';
import type { Link } from './link.ts';

/** How soon a lost connection is made again. A server that is back is used within a second. */
const RECONNECT = { minDelayMs: 50, maxDelayMs: 1000, factor: 2 };

/** Who uses a connection that is made again whenever it is lost. The methods never throw. */
export interface LinkUser {
  /** The connection is there. */
  onUp(link: Link): void;
  /** The connection is lost: what was asked and not answered may have been done. */
  onDown(error: Error): void;
}

/** Keeps one connection to a server. */
export class KeptLink implements Deadline {
  readonly #connect: () => Promise<Link>;
  readonly #user: LinkUser;
  #link: Link | undefined;
  #attempt = 0;
  #ticket: number | undefined;
  #isClosed = false;

  constructor(connect: () => Promise<Link>, user: LinkUser) {
    this.#connect = connect;
    this.#user = user;
  }

  /** The connection, while it is there. */
  get link(): Link | undefined {
    return this.#link;
  }

  /** Connects for the first time. Rejects when that fails, and then does not try again. */
  async open(): Promise<void> {
    const link = await this.#connect();
    if (this.#isClosed) {
      link.close();
      throw new Error('the connection was closed');
    }
    this.#use(link);
  }

  /** Connects, and goes on until that succeeds. */
  start(): void {
    void this.#reconnect();
  }

  /** Gives the connection up and makes a new one: the server at its end is the wrong one by now. */
  renew(reason: string): void {
    const link = this.#link;
    if (link === undefined) return;
    link.close();
    this.#onLost(new Error(reason));
  }

  close(): void {
    this.#isClosed = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#link?.close();
    this.#link = undefined;
  }

  // Deadline

  onDeadline(): void {
    this.#ticket = undefined;
    void this.#reconnect();
  }

  #use(link: Link): void {
    this.#attempt = 0;
    this.#link = link;
    link.onLost = (error) => this.#onLost(error);
    this.#user.onUp(link);
  }

  #onLost(error: Error): void {
    this.#link = undefined;
    if (this.#isClosed) return;
    this.#user.onDown(error);
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    this.#ticket = timers.schedule(this, backoffDelayMs(++this.#attempt, RECONNECT, Math.random()));
  }

  async #reconnect(): Promise<void> {
    let link: Link;
    try {
      link = await this.#connect();
    } catch {
      if (!this.#isClosed) this.#reconnectLater();
      return;
    }
    if (this.#isClosed) link.close();
    else this.#use(link);
  }
}
