import { type Mark, type Publication, publisherOf, type RunRecord, shownId, type SubscriberRecord } from './records.ts';

/** What went wrong, by kind. */
export type ProblemKind =
  /** An acknowledged message did not come, and nothing was told: a loss. */
  | 'lost'
  /** A message came twice. */
  | 'doubled'
  /** Two subscribers saw messages in different orders, or a publisher's own order was not kept. */
  | 'disorder'
  /** A message whose publication is not known, or had failed for certain, came: a phantom. */
  | 'phantom'
  /** Others saw a message of unknown outcome between two that this one saw, and it was not told. */
  | 'hole'
  /** A gap was told of which there was no reason, or not told where the log had lost what was seen. */
  | 'gap';

export interface Problem {
  readonly kind: ProblemKind;
  /** The subscriber, its topic and the first broken message. */
  readonly text: string;
  /** Number of messages of this subscriber that are broken so. */
  readonly count: number;
}

/** What the judge found. */
export interface Verdict {
  readonly problems: readonly Problem[];
  readonly stored: number;
  readonly unknown: number;
  readonly failed: number;
  readonly seen: number;
  /** Gaps that subscribers were told of, by reason. */
  readonly gaps: Readonly<Record<string, number>>;
}

/** Within a segment a subscriber was told of no gap. */
interface Segment {
  readonly mark: Mark;
  readonly ids: number[];
  readonly isLast: boolean;
}

/**
 * Judges a run by what was acknowledged and what each subscriber saw. Trusts no position: the messages are known by ids of
 * the publishers. Each subscriber gives one problem of each kind at most.
 */
export function judge(run: RunRecord): Verdict {
  const problems: Problem[] = [];
  const gaps: Record<string, number> = {};
  const subscribersByTopic = groupBy(run.subscribers, ({ topic }) => topic);
  const publicationsByTopic = groupBy(run.publications, ({ topic }) => topic);
  for (const [topic, subscribers] of subscribersByTopic) {
    problems.push(...new TopicJudge(run, publicationsByTopic.get(topic) ?? [], subscribers).judge());
  }
  let seen = 0;
  for (const subscriber of run.subscribers) {
    for (const sighting of subscriber.seen) {
      if (typeof sighting === 'number') seen++;
      else if (sighting.mark === 'gap') gaps[sighting.reason ?? ''] = (gaps[sighting.reason ?? ''] ?? 0) + 1;
    }
  }
  const count = (outcome: string): number => run.publications.filter((each) => each.outcome === outcome).length;
  return { problems, stored: count('stored'), unknown: count('unknown'), failed: count('no'), seen, gaps };
}

function groupBy<Value, Key>(values: readonly Value[], keyOf: (value: Value) => Key): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}

function segmentsOf({ seen }: SubscriberRecord): Segment[] {
  const segments: Segment[] = [];
  const starts = seen.flatMap((sighting, i) => (typeof sighting === 'number' ? [] : [i]));
  for (const [i, start] of starts.entries()) {
    const end = starts[i + 1] ?? seen.length;
    segments.push({
      mark: seen[start] as Mark,
      ids: seen.slice(start + 1, end) as number[],
      isLast: i === starts.length - 1,
    });
  }
  return segments;
}

/** Whether what came before may come again: the log has begun anew, or was cut. */
function beginsAnew({ mark, reason }: Mark): boolean {
  return mark === 'gap' && (reason === 'epoch' || reason === 'forked');
}

/** Judges one topic. */
class TopicJudge {
  readonly #run: RunRecord;
  readonly #subscribers: readonly SubscriberRecord[];
  readonly #publications: ReadonlyMap<number, Publication>;
  readonly #byPublisher: ReadonlyMap<number, readonly Publication[]>;
  readonly #problems: Problem[] = [];

  constructor(run: RunRecord, publications: readonly Publication[], subscribers: readonly SubscriberRecord[]) {
    this.#run = run;
    this.#subscribers = subscribers;
    this.#publications = new Map(publications.map((publication) => [publication.id, publication]));
    const sorted = publications.toSorted((one, other) => one.id - other.id);
    this.#byPublisher = groupBy(sorted, ({ id }) => publisherOf(id));
  }

  judge(): Problem[] {
    for (const subscriber of this.#subscribers) {
      const segments = segmentsOf(subscriber);
      this.#judgeDoublesAndOrder(subscriber, segments);
      this.#judgePhantoms(subscriber, segments);
      this.#judgeLosses(subscriber, segments);
      if (this.#run.lostByFailover !== undefined) this.#judgeFork(subscriber, segments, this.#run.lostByFailover);
    }
    this.#judgeOneOrder();
    return this.#problems;
  }

  #tell(kind: ProblemKind, { name, topic }: SubscriberRecord, text: string, count = 1): void {
    const more = count > 1 ? `; ${count} in all` : '';
    this.#problems.push({ kind, text: `${name} in ${topic}: ${text}${more}`, count });
  }

  /** Tells the first of several problems, if there is one. */
  #tellFirst(kind: ProblemKind, subscriber: SubscriberRecord, texts: readonly string[]): void {
    if (texts[0] !== undefined) this.#tell(kind, subscriber, texts[0], texts.length);
  }

  #judgeDoublesAndOrder(subscriber: SubscriberRecord, segments: readonly Segment[]): void {
    const doubled: string[] = [];
    const overtaken: string[] = [];
    let before = new Set<number>();
    let lastByPublisher = new Map<number, number>();
    for (const { mark, ids } of segments) {
      if (beginsAnew(mark)) {
        before = new Set();
        lastByPublisher = new Map();
      }
      for (const id of ids) {
        const publisher = publisherOf(id);
        const last = lastByPublisher.get(publisher) ?? -1;
        if (before.has(id)) doubled.push(`${shownId(id)} came twice`);
        else if (id < last) overtaken.push(`${shownId(id)} came behind ${shownId(last)}`);
        before.add(id);
        lastByPublisher.set(publisher, Math.max(id, last));
      }
    }
    this.#tellFirst('doubled', subscriber, doubled);
    this.#tellFirst('disorder', subscriber, overtaken);
  }

  #judgePhantoms(subscriber: SubscriberRecord, segments: readonly Segment[]): void {
    const phantoms: string[] = [];
    for (const { ids } of segments) {
      for (const id of ids) {
        const publication = this.#publications.get(id);
        if (publication?.outcome === 'no') {
          phantoms.push(`${shownId(id)} came, and its publisher was told that it was not stored`);
        } else if (publication === undefined && !this.#run.killedPublishers.has(publisherOf(id))) {
          phantoms.push(`${shownId(id)} was never published`);
        }
      }
    }
    this.#tellFirst('phantom', subscriber, phantoms);
  }

  #judgeLosses(subscriber: SubscriberRecord, segments: readonly Segment[]): void {
    const lost: string[] = [];
    for (const { mark, ids, isLast } of segments) {
      const seen = new Set(ids);
      const idsByPublisher = groupBy(ids, publisherOf);
      const isComplete = isLast && !subscriber.isKilled;
      for (const [publisher, publications] of this.#byPublisher) {
        const own = idsByPublisher.get(publisher) ?? [];
        const first = own[0] ?? Infinity;
        const last = own.at(-1) ?? -Infinity;
        for (const { id, outcome, beganMs } of publications) {
          if (outcome !== 'stored' || seen.has(id) || this.#run.lostByFailover?.has(id)) continue;
          if ((beganMs < mark.atMs && id < first) || (id > last && !isComplete)) continue;
          const next = own.find((each) => each > id);
          const where = next === undefined ? 'nor anything behind it' : `although ${shownId(next)} came`;
          lost.push(`${shownId(id)} was acknowledged and never came, ${where}`);
        }
      }
    }
    this.#tellFirst('lost', subscriber, lost);
  }

  #judgeFork(subscriber: SubscriberRecord, segments: readonly Segment[], lost: ReadonlySet<number>): void {
    const lastLost = segments.findLastIndex(({ ids }) => ids.some((id) => lost.has(id)));
    const isTold = segments.slice(lastLost + 1).some(({ mark }) => beginsAnew(mark));
    if (lastLost >= 0 && !isTold && !subscriber.isKilled) {
      const id = segments[lastLost]!.ids.find((each) => lost.has(each))!;
      this.#tell('gap', subscriber, `${shownId(id)} is not in the log any more, which was not told`);
    }
    const gap = segments.find(({ mark }) => mark.mark === 'gap');
    if (lastLost < 0 && gap !== undefined) {
      this.#tell('gap', subscriber, `a gap (${gap.mark.reason}) was told, and nothing that was seen is lost`);
    }
  }

  /** Finds out whether one order of all messages explains what each subscriber saw. */
  #judgeOneOrder(): void {
    const isForked = this.#findForked();
    const next = new Map<number, Set<number>>();
    const incoming = new Map<number, number>();
    for (const subscriber of this.#subscribers) {
      for (const { ids } of segmentsOf(subscriber)) {
        const known = ids.filter((id) => !isForked.has(id));
        for (const [i, id] of known.entries()) {
          if (!next.has(id)) next.set(id, new Set());
          if (i > 0 && !next.get(known[i - 1]!)!.has(id)) {
            next.get(known[i - 1]!)!.add(id);
            incoming.set(id, (incoming.get(id) ?? 0) + 1);
          }
        }
      }
    }
    const order: number[] = [...next.keys()].filter((id) => !incoming.has(id));
    for (let i = 0; i < order.length; i++) {
      for (const id of next.get(order[i]!)!) {
        const left = incoming.get(id)! - 1;
        incoming.set(id, left);
        if (left === 0) order.push(id);
      }
    }
    if (order.length < next.size) this.#tellDisorder(isForked);
    else this.#judgeHoles(order, next);
  }

  /** Messages that a subscriber saw on both sides of a cut of the log: their order there is another one. */
  #findForked(): ReadonlySet<number> {
    const forked = new Set<number>();
    for (const subscriber of this.#subscribers) {
      const before = new Set<number>();
      for (const { ids } of segmentsOf(subscriber)) {
        for (const id of ids) {
          if (before.has(id)) forked.add(id);
          before.add(id);
        }
      }
    }
    return forked;
  }

  #tellDisorder(isForked: ReadonlySet<number>): void {
    for (const one of this.#subscribers) {
      const places = new Map(one.seen.map((sighting, i) => [sighting, i]));
      for (const other of this.#subscribers) {
        let last = -1;
        for (const id of other.seen) {
          if (typeof id !== 'number' || isForked.has(id)) continue;
          const place = places.get(id) ?? last;
          if (place < last) {
            const ahead = shownId(one.seen[last] as number);
            this.#tell('disorder', other, `${ahead} came ahead of ${shownId(id)}, and behind it at ${one.name}`);
            return;
          }
          last = place;
        }
      }
    }
    this.#tell('disorder', this.#subscribers[0]!, 'no order of all messages explains what all subscribers saw');
  }

  /**
   * Finds messages of unknown outcome that a subscriber missed: between two that it saw one behind the other, others saw a
   * chain of more.
   */
  #judgeHoles(order: readonly number[], next: ReadonlyMap<number, ReadonlySet<number>>): void {
    const places = new Map(order.map((id, i) => [id, i]));
    // How many places from here on are linked, each with the next one: within such a run the order is certain.
    const linkedUntil: number[] = Array.from({ length: order.length }, (_, i) => i);
    for (let i = order.length - 2; i >= 0; i--) {
      if (next.get(order[i]!)!.has(order[i + 1]!)) linkedUntil[i] = linkedUntil[i + 1]!;
    }
    for (const subscriber of this.#subscribers) {
      const hole = segmentsOf(subscriber)
        .flatMap(({ ids }) => ids.slice(1).map((id, i) => [places.get(ids[i]!), places.get(id)] as const))
        .find(([from, to]) => from !== undefined && to !== undefined && to > from + 1 && linkedUntil[from]! >= to);
      if (hole === undefined) continue;
      const missed = order[hole[0]! + 1]!;
      if (this.#publications.get(missed)?.outcome === 'stored') continue;
      this.#tell(
        'hole',
        subscriber,
        `${shownId(missed)} did not come, and others saw it behind ${shownId(order[hole[0]!]!)}`,
      );
    }
  }
}
