import { type Deadline, timers } from '../base/timers.ts';
import type { MemberFacts, MembersNews, MembersSink } from './feed.ts';
import { isSameFacts } from './member-entry.ts';
import type { Member, Members } from './topic-handler.ts';

/** Changes of so long are told together. */
const TOLD_MS = 200;

/**
 * Members whose JSON has more bytes are not listed, however few they are: the frame that tells who came and who left must
 * fit into a message of 1 MiB, which clients take.
 */
const MAX_LIST_BYTES = 480 * 1024;

/** What the JSON of a member takes beside user and info. */
const MEMBER_BYTES = 120;

/** How members are shown. */
export interface PresenceSettings {
  /** Members above which only their number is told. */
  readonly max: number;
  /** How long a member that has left may come back unnoticed. */
  readonly leaveGraceMs: number;
}

export const PRESENCE: PresenceSettings = { max: 1000, leaveGraceMs: 5000 };

/** A member with its size, which is counted. */
export interface ViewedMember {
  readonly member: Member;
  readonly facts: MemberFacts;
  /** Bytes of user and info. */
  readonly size: number;
}

/** What the members of a topic look like to those who watch: as they were when changes were last told. */
export class MembersView implements Deadline {
  readonly #topic: string;
  readonly #max: number;
  readonly #graceMs: number;
  readonly #find: (key: string) => ViewedMember | undefined;
  readonly #sinks = new Set<MembersSink>();
  readonly #shown = new Map<string, ViewedMember>();
  readonly #changed = new Set<string>();
  #bytes = 0;
  #ticket: number | undefined;
  /** Members that are shown for a while although the log does not have them. */
  readonly #held = new Set<string>();
  #heldTicket: number | undefined;
  readonly #release: Deadline = {
    onDeadline: () => {
      this.#heldTicket = undefined;
      const keys = [...this.#held];
      this.#held.clear();
      for (const key of keys) this.mark(key);
    },
  };
  /** The news for a sink that comes now. */
  #list: MembersNews | undefined;
  /** The answer to who asks now; undefined when something may have changed since. */
  #snapshot: Members | undefined;

  /** @param find - the member with a key, as it is now */
  constructor(topic: string, { max, leaveGraceMs }: PresenceSettings, find: (key: string) => ViewedMember | undefined) {
    this.#topic = topic;
    this.#max = max;
    this.#graceMs = leaveGraceMs;
    this.#find = find;
  }

  /** Tells a sink of the members, and of changes from now on. @param keys - the keys of all members */
  add(sink: MembersSink, keys: Iterable<string>): void {
    if (this.#sinks.size === 0) for (const key of keys) this.#update(key);
    this.#sinks.add(sink);
    sink.onMembers(this.list);
  }

  remove(sink: MembersSink): void {
    this.#sinks.delete(sink);
    if (this.#sinks.size > 0) return;
    this.#shown.clear();
    this.#changed.clear();
    this.#bytes = 0;
    this.#list = undefined;
    this.#held.clear();
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    if (this.#heldTicket !== undefined) timers.cancel(this.#release, this.#heldTicket);
    this.#ticket = undefined;
    this.#heldTicket = undefined;
  }

  /** Something about this member may have changed. */
  mark(key: string): void {
    this.#snapshot = undefined;
    if (this.#sinks.size === 0) return;
    this.#changed.add(key);
    this.#ticket ??= timers.schedule(this, TOLD_MS);
  }

  /** A member is not in the log any more because the log has lost data: its node has the time of the grace to tell of it again. */
  hold(key: string): void {
    if (this.#sinks.size === 0) return;
    this.#held.add(key);
    this.#heldTicket ??= timers.schedule(this.#release, this.#graceMs);
  }

  /** The members as they are now: the list belongs to the caller. @param keys - the keys of all members */
  snapshot(keys: Iterable<string>): Members {
    // A client that asks again and again must not have thousands of members counted each time.
    this.#snapshot ??= this.#take(keys);
    const { count, list } = this.#snapshot;
    return { count, list: [...list] };
  }

  #take(keys: Iterable<string>): Members {
    const list: Member[] = [];
    let bytes = 0;
    for (const key of keys) {
      const found = this.#find(key);
      if (found === undefined) continue;
      list.push(found.member);
      bytes += found.size + MEMBER_BYTES;
    }
    const isListed = list.length <= this.#max && bytes <= MAX_LIST_BYTES;
    return { count: list.length, list: isListed ? list : [] };
  }

  /** All members, or only their number. */
  get list(): MembersNews {
    this.#list ??= {
      topic: this.#topic,
      count: this.#shown.size,
      ...(this.#isListed && { list: Array.from(this.#shown.values(), ({ member }) => member) }),
    };
    return this.#list;
  }

  // Deadline

  onDeadline(): void {
    this.#ticket = undefined;
    const wasListed = this.#isListed;
    const join: Member[] = [];
    const leave: Member[] = [];
    for (const key of this.#changed) {
      const before = this.#shown.get(key);
      const now = this.#update(key);
      if (now !== undefined && now !== before) join.push(now.member);
      if (now === undefined && before !== undefined) leave.push(before.member);
    }
    this.#changed.clear();
    if (join.length === 0 && leave.length === 0) return;
    this.#list = undefined;
    const changes: MembersNews = {
      topic: this.#topic,
      count: this.#shown.size,
      ...(join.length > 0 && { join }),
      ...(leave.length > 0 && { leave }),
    };
    const news = this.#isListed && wasListed ? changes : this.list;
    for (const sink of this.#sinks) sink.onMembers(news);
  }

  get #isListed(): boolean {
    return this.#shown.size <= this.#max && this.#bytes <= MAX_LIST_BYTES;
  }

  /** Returns the member as it is shown from now on: the same object when it has not changed for those who watch. */
  #update(key: string): ViewedMember | undefined {
    const before = this.#shown.get(key);
    const now = this.#find(key);
    const isSame = now !== undefined && before !== undefined && isSameFacts(now.facts, before.facts);
    if (isSame || (now === undefined && this.#held.has(key))) return before;
    if (before !== undefined) this.#bytes -= before.size + MEMBER_BYTES;
    if (now === undefined) this.#shown.delete(key);
    else {
      this.#shown.set(key, now);
      this.#bytes += now.size + MEMBER_BYTES;
    }
    return now;
  }
}
