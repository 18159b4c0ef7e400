import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientPlan } from './client-process.ts';
import { SubscriberLog, type SubscriberReport } from './subscriber-log.ts';

const CONNECTS_AT_ONCE = 50;
const POLL_MS = 20;

/** The logs of all subscribers of a process, whatever library their clients use. */
export class SubscriberLogs {
  readonly #logs: SubscriberLog[] = [];

  /**
   * Has all clients of a plan connect, and waits until each of their subscriptions has begun.
   *
   * @param connect - connects one client with one log for each of its topics
   */
  async connect(plan: ClientPlan, connect: (name: string, logs: readonly SubscriberLog[], turn: number) => unknown) {
    const connectOne = async (index: number): Promise<void> => {
      const topics = Array.from({ length: plan.topicsEach }, (_, i) => plan.topics[(index + i) % plan.topics.length]!);
      const name = `${plan.name}${index}`;
      const logs = topics.map((topic) => new SubscriberLog(name, topic));
      this.#logs.push(...logs);
      await connect(name, logs, index);
      while (!logs.every(({ isOn }) => isOn)) await sleep(POLL_MS);
    };
    for (let begun = 0; begun < plan.count; begun += CONNECTS_AT_ONCE) {
      const count = Math.min(CONNECTS_AT_ONCE, plan.count - begun);
      await Promise.all(Array.from({ length: count }, (_, i) => connectOne(begun + i)));
    }
  }

  /**
   * Waits until each subscriber has seen the last message of its topic.
   *
   * @returns who has not, in time
   */
  async reach({ ids, timeoutMs }: { readonly ids: Readonly<Record<string, number>>; readonly timeoutMs: number }) {
    const late = new Set(this.#logs.filter(({ topic }) => ids[topic] !== undefined));
    const all = Promise.all(Array.from(late, (log) => log.once(ids[log.topic]!).then(() => late.delete(log))));
    const timeout = new AbortController();
    await Promise.race([all, sleep(timeoutMs, undefined, { signal: timeout.signal })]);
    timeout.abort();
    return Array.from(late, ({ name, topic }) => `${name} in ${topic}`);
  }

  /** What has been seen, since the last time. From now on each subscriber counts as new. */
  takeReports(): SubscriberReport[] {
    return this.#logs.map((log) => log.takeReport());
  }
}
