import type { TopicFigures } from '../diagnostics/topic-figures.ts';
import type { TopicsStats } from '../topics/topic-stats.ts';

/** Returns the figures in the form in which they are added up for all servers of a path. */
export function toTopicFigures(stats: TopicsStats): TopicFigures {
  const { topics, subscriptions, behind, ringBytes, outboxWaiting, brokerState, gaps, resumes } = stats;
  const { published, delivered, replayed, volatileDropped } = stats;
  const { reads, holesRepaired, headDifferences, forks, brokerReconnects, membersSwept, nodesAlive } = stats;
  const counts = {
    published,
    delivered,
    replayed,
    volatileDropped,
    reads,
    holesRepaired,
    headDifferences,
    forks,
    brokerReconnects,
    membersSwept,
    ...withKinds('gaps', gaps),
    ...withKinds('resumes', resumes),
  };
  const brokersDown = brokerState === 'down' ? 1 : 0;
  const gauges = { topics, subscriptions, behind, ringBytes, outboxWaiting, brokersDown, nodesAlive };
  return { counts: new Map(Object.entries(counts)), gauges: new Map(Object.entries(gauges)) };
}

function withKinds(name: string, kinds: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(kinds).map(([kind, count]) => [`${name} ${kind}`, count]));
}
