import type { CallScope } from '../workers/call-scope.ts';
import type { TopicsPort } from '../topics/feed.ts';
import type { HistoryPage, Members, Publishable, Published } from '../topics/topic-handler.ts';
import type { HistoryRange } from './topic-events.ts';
import type { CheckedTopics } from './topic-options.ts';
import type { ServerPublishOptions } from './topic-publishing.ts';

/** What connections and subscriptions need of the topics of their server. Types only. */
export interface TopicHost {
  readonly port: TopicsPort;
  readonly settings: CheckedTopics;
  readonly scope: CallScope;
  /** Time in milliseconds within which each client gets some frame. */
  readonly aliveMs: number;
  /** As `wss.topics.publish`, in the name of a user. */
  publishAs(
    user: string | undefined,
    topic: string,
    data: Publishable,
    options?: ServerPublishOptions,
  ): Promise<Published>;
  history(topic: string, range?: HistoryRange): Promise<HistoryPage>;
  members(topic: string): Promise<Members>;
}
