import type { Beginning, ConnectionSubscription, SubscriptionPlan } from './connection-subscription.ts';
import type { UnsubscribeCause } from './topic-events.ts';
import type { TopicHost } from './topic-host.ts';
import type { TopicPeer } from './topic-seam.ts';

/** The connection whose frames are read. */
export interface FrameOwner {
  readonly host: TopicHost;
  readonly peer: TopicPeer;
  readonly session: string;
  readonly user: string | undefined;
  readonly hasEnded: boolean;
  readonly subscriptionCount: number;
  /** False while so much is unsent that long answers wait. */
  readonly isReady: boolean;
  onceReady(callback: () => void): void;
  find(topic: string): ConnectionSubscription | undefined;
  begin(plan: SubscriptionPlan, beginning: Beginning): void;
  endSubscription(subscription: ConnectionSubscription, cause: UnsubscribeCause, code: string, message: string): void;
  send(frame: string): void;
  /** Reports that a callback has failed: no onError hears of what fails for one topic alone. */
  report(name: string, thrown: unknown): void;
}
