import { type Deadline, timers } from '../base/timers.ts';
import type { MemberFacts, Publication } from './feed.ts';
import { isSameFacts, type MemberEntry, writeMember } from './member-entry.ts';
import { type ParsedPosition, parsePosition, type Position } from './position.ts';
import type { Published } from './topic-handler.ts';

/** How soon something that could not be stored is stored again. */
const RETRY_MS = 1000;

/**
 * How long the log is followed for an entry that was stored. A failover may have lost it, of which a node that had not
 * seen it never hears.
 */
const PATIENCE_MS = 10_000;

/** What a session of this process needs to be a member. */
export interface LocalMemberHost {
  /** The id of this node. */
  readonly node: string;
  readonly leaveGraceMs: number;
  /** What the log says of a session; undefined before it is known. */
  stored(session: string): { readonly entry: MemberEntry | undefined } | undefined;
  /** Whether the log was followed up to a place, or begins behind it. */
  hasReached(place: ParsedPosition): boolean;
  store(publication: Publication): Promise<Published>;
  /** The session is no member any more by this process. */
  onLeft(member: LocalMember): void;
}

/**
 * A session of this process that is a member of a topic: makes the log say so.
 *
 * @remarks Whatever the log says, and whenever, the session compares it with what should be there, and stores at most one
 * entry at a time: so nothing depends on the order in which nodes hear of each other. Where another node has taken the
 * session over, the greater number of connects decides, and the id of the node when they are equal.
 */
export class LocalMember implements Deadline {
  readonly session: string;
  readonly #host: LocalMemberHost;
  /** Of the connections that are open; the last one is shown. */
  readonly #connections: MemberFacts[] = [];
  /** Whether a connection has come that no entry tells of. */
  #isNew = false;
  /** Whether the grace is over. */
  #isGone = false;
  #connects = 0;
  #since: number | undefined;
  #isStoring = false;
  #hasEnded = false;
  /** Whether something may have been stored of which nothing is known. */
  #isUnsure = false;
  /** The place of the last entry that was stored, until the log was followed up to it. */
  #awaited: ParsedPosition | undefined;
  #graceTicket: number | undefined;
  #retryTicket: number | undefined;
  readonly #retry: Deadline = {
    onDeadline: () => {
      this.#retryTicket = undefined;
      this.onStored();
    },
  };

  #patienceTicket: number | undefined;
  readonly #patience: Deadline = {
    onDeadline: () => {
      this.#patienceTicket = undefined;
      this.onReread();
    },
  };

  constructor(session: string, host: LocalMemberHost) {
    this.session = session;
    this.#host = host;
  }

  /** The log has an entry of this node, which has no such session: a leave of it was lost. */
  takeBack(): void {
    this.#isGone = true;
    this.onStored();
  }

  /** A connection of the session has come. @returns a function that takes it back, at once or after the grace */
  join(facts: MemberFacts): (isAtOnce: boolean) => void {
    // The same facts may come twice: each connection has an object of its own.
    const own = { ...facts };
    this.#connections.push(own);
    this.#isNew = true;
    this.#isGone = false;
    this.#stopGrace();
    this.onStored();
    return (isAtOnce) => this.#leave(own, isAtOnce);
  }

  /** Compares what the log says with what it should say. */
  onStored(): void {
    const stored = this.#host.stored(this.session);
    if (stored === undefined || this.#isStoring || this.#hasEnded || this.#retryTicket !== undefined) return;
    if (this.#awaited !== undefined && !this.#host.hasReached(this.#awaited)) return;
    this.#stopAwaiting();
    const { entry } = stored;
    const facts = this.#connections.at(-1);
    const isOwn = entry?.owner === this.#host.node;
    if (this.#isGone) this.#takeOut(isOwn);
    else if (facts !== undefined) this.#putIn(facts, entry, isOwn);
  }

  /** The log was read anew: what was awaited is in it, or lost. */
  onReread(): void {
    this.#stopAwaiting();
    this.onStored();
  }

  /** Ends without a word: nothing is stored any more. */
  end(): void {
    this.#hasEnded = true;
    this.#stopGrace();
    this.#stopAwaiting();
    if (this.#retryTicket !== undefined) timers.cancel(this.#retry, this.#retryTicket);
  }

  /** The grace is over. */
  onDeadline(): void {
    this.#graceTicket = undefined;
    this.#isGone = true;
    this.onStored();
  }

  #leave(facts: MemberFacts, isAtOnce: boolean): void {
    const index = this.#connections.indexOf(facts);
    if (index < 0) return;
    this.#connections.splice(index, 1);
    if (this.#connections.length > 0) this.onStored();
    else if (isAtOnce) this.onDeadline();
    else this.#graceTicket = timers.schedule(this, this.#host.leaveGraceMs);
  }

  #stopGrace(): void {
    if (this.#graceTicket !== undefined) timers.cancel(this, this.#graceTicket);
    this.#graceTicket = undefined;
  }

  #await(position: Position | undefined): void {
    this.#awaited = parsePosition(position);
    this.#patienceTicket ??= timers.schedule(this.#patience, PATIENCE_MS);
  }

  #stopAwaiting(): void {
    this.#awaited = undefined;
    if (this.#patienceTicket !== undefined) timers.cancel(this.#patience, this.#patienceTicket);
    this.#patienceTicket = undefined;
  }

  #takeOut(isOwn: boolean): void {
    const { node } = this.#host;
    if (isOwn || this.#isUnsure) void this.#store({ data: 'null', key: this.session, isRemoved: true, ifOwner: node });
    else this.#host.onLeft(this);
  }

  #putIn(facts: MemberFacts, entry: MemberEntry | undefined, isOwn: boolean): void {
    if (entry !== undefined && isOwn) {
      this.#connects = entry.connects;
      this.#since = entry.member.since;
      this.#isNew = !isSameFacts(entry.facts, facts);
      if (!this.#isNew) return;
    }
    if (this.#isNew) {
      // The youngest connection takes the session over, whoever has it.
      this.#isNew = false;
      this.#connects = Math.max(this.#connects, entry?.connects ?? 0) + 1;
      this.#since = entry?.member.since ?? this.#since;
      this.#put(facts, undefined);
    } else if (entry === undefined) this.#put(facts, '');
    else if (this.#isYounger(entry)) this.#put(facts, entry.owner);
  }

  #isYounger({ connects, owner }: MemberEntry): boolean {
    return this.#connects > connects || (this.#connects === connects && this.#host.node > owner);
  }

  /** @param ifOwner - whose entry may be replaced; `''`: none but that of this node; undefined: any */
  #put(facts: MemberFacts, ifOwner: string | undefined): void {
    const data = writeMember(facts, this.#connects, this.#since);
    void this.#store({ data, key: this.session, owner: this.#host.node, ifOwner });
  }

  async #store(publication: Publication): Promise<void> {
    this.#isStoring = true;
    try {
      const { position } = await this.#host.store(publication);
      this.#isUnsure = false;
      if (!this.#hasEnded) this.#await(position);
    } catch {
      this.#isUnsure = true;
      if (!this.#hasEnded) this.#retryTicket = timers.schedule(this.#retry, RETRY_MS);
    }
    this.#isStoring = false;
    this.onStored();
  }
}
