import { countCopies, type Routing } from './copies.ts';
import { loseRegion, loseRelay, loseShard } from './losses.ts';
import { reshard } from './resharding.ts';
import { type ComingBack, comeBack } from './storm.ts';
import type { World } from './world.ts';

const PUBLISHES = 200_000;
const RELAYS = 4;
const NOTICED_SECONDS = 4;
/** One way between two machines of a region, and of two regions. */
const NEAR_MS = 1;
const FAR_MS = 40;

const WAYS: readonly (readonly [string, ComingBack])[] = [
  ['all at once', () => 0],
  ['each after 0.5 to 1.5 s, as Socket.IO by default', (random) => 500 + 1000 * random()],
  ['each within the first second, as `reconnect` by default', (random) => 1000 * random()],
  ['each within 5 s', (random) => 5000 * random()],
  [
    '`drain()`: waves of 100 each 100 ms, and `move` within a second',
    (random, i) => 100 * Math.floor(i / 100) + 1000 * random(),
  ],
];

/** Writes the page of the results, which takes some seconds of CPU. The same seed gives the same page. */
export function writePage(world: World): string {
  const { regions, nodesPerRegion, shards, topics, clients, topicsPerClient, zipf, locality, publishesPerSecond } =
    world.settings;
  return `# Internet scale, on paper

<!-- Written by \`npm run simulate\`, whose \`--check\` compares. Change scripts/simulate/, not this page. -->

What would topics cost on ${world.nodes} machines in ${regions} regions, and what would users see when parts of that fail? No such
cluster was at hand, so a program counts: \`npm run simulate\`, with the same figures for the same seed. **Shards, relays and
moves of topics do not exist in this version**: this page tests their design before it is built. What is there today is one
Redis or Valkey, or its cluster mode, for all machines: what follows for those is said at the end.

The world: ${regions} regions of ${nodesPerRegion} nodes, ${shards} brokers (shards) over which topics are spread by rendezvous hashing, ${whole(topics)} topics,
${whole(clients)} clients with ${topicsPerClient} subscriptions each, ${locality * 100} % of them to topics of the client's own region. Popularity follows Zipf's
law (${zipf}), for subscriptions and for the ${whole(publishesPerSecond)} publications a second.

## Who gets a copy

${copiesTable(world)}

- **Flooding** is what adapters do that tell every node of every message. A message costs ${world.nodes} copies, whoever listens.
- **Interest** is what this library does today: a node watches the topics that it has subscribers for.
- **Relays** of a region fetch a message once for all nodes there. Long lines carry a few copies only.
- No way of spreading topics helps against one very popular topic: its shard does several times the work of the others. A topic
  with more publications than one core stores must be split by the application.

## A shard is gone

The busiest of the ${shards} shards is away, and comes back with its data.

${shardTable(world)}

For a user: nothing is missing. Up to 10 s late, messages of these topics arrive; what was published earlier than 10 s before
the return has failed with \`ERR_BROKER_DOWN\`, and its publisher knows. All other topics go on. The outbox of a node is far from
its limit of 10 000 messages. That holds where the shard keeps its data: else each of these topics has one gap, of the reason
\`epoch\`. [What a broker keeps](guide/what-redis-keeps.md) was measured.

## A relay is gone

${relayText(world)}

## A region is gone

The first region fails with its nodes, its shards and its relays, and its clients connect to the nodes of the others.

${regionTable(world)}

For a user: the connection is back within seconds. Topics whose shard was in the lost region are away until it is back, or until
a replica elsewhere is made the primary: then \`forked\` tells those who had seen messages that the replica had not. With a
home region, the people of other regions notice little, and those of the lost region cannot use their local topics.

## A region comes back

All ${whole(Math.floor(clients / regions))} clients of a region come back at once: ${whole((clients / regions) * topicsPerClient)} subscriptions. A node lets in 3 700 clients a second (measured), and
begins 5 000 subscriptions that resume (its limit).

${stormTable(world)}

For a user: everything that was missed is there within the time of the last column. What bounds it is the limit of resumes, not the way
of coming back. Jitter and waves decide how many clients wait for a handshake: where nodes are missing, a herd waits for
seconds, and who waits longer than its timeout comes once more. Shards notice nothing: one question for each topic that a node
or a relay watches again.

## A shard more

The cluster gets one more shard, and its topics move while ${whole(publishesPerSecond)} messages a second are published, 16 topics at a time.

${reshardTable(world)}

For a user: nothing. Positions stay valid, because entries keep their offsets and tags. Only the topics of the new shard move, which is
1 of 25 (2 of 26 where it has twice the weight), and a publication that meets a move is sent on once. When the old shard is lost in the middle of a move, the new one goes on with
what it has; who had seen more is told a gap. With offsets alone, as without tags, some of them would have missed messages
without a word.

## What follows for clusters of today

- Give popular topics a history of their own, with \`topics.rules\`: an outage of some seconds is longer than 256 messages of a busy topic.
- Leave \`reconnect\` as it is, and deploy with \`drain()\`: [Rolling deploys](guide/rolling-deploys.md).
- Keep spare nodes: the limit of resumes, 5 000 a second and node, decides how soon everyone is back.
- Split a topic that is busier than one core of the broker: some 30 000 publications a second.
`;
}

function copiesTable(world: World): string {
  const rows = (['flooding', 'interest', 'relays'] as const).flatMap((routing: Routing) =>
    [['any shard', world.shardOf] as const, ['a shard of its home region', world.homeShardOf] as const].map(
      ([place, shardOf]) => {
        const { fromShards, overWan, busiest } = countCopies(world, routing, shardOf, PUBLISHES);
        return [routing, place, short(fromShards), short(overWan), `${short(busiest)} ×`];
      },
    ),
  );
  return table(
    ['routing', 'a topic lies on', 'copies from its shard', 'of these to other regions', 'busiest shard, of the mean'],
    rows,
  );
}

function shardTable(world: World): string {
  const losses = [5, 30].map((seconds) => loseShard(world, seconds));
  const row = (title: string, show: (loss: (typeof losses)[number]) => string): string[] => [
    title,
    ...losses.map(show),
  ];
  return table(
    ['away for', '5 s', '30 s'],
    [
      row('topics concerned', ({ topics }) => percent(topics)),
      row('publications concerned', ({ publishes }) => percent(publishes)),
      row('clients with one of these topics', ({ clients }) => percent(clients)),
      row('publications stored late', ({ late }) => about(late)),
      row('publications that failed', ({ refused }) => about(refused)),
      row('most that waited on one node', ({ mostWaiting }) => about(mostWaiting)),
      row('all stored, after the return', ({ emptySeconds }) => `${short(emptySeconds)} s`),
      row('all topics compared, after the return', ({ checkedSeconds }) => `${short(checkedSeconds)} s`),
    ],
  );
}

function relayText(world: World): string {
  const loss = loseRelay(world, RELAYS, NOTICED_SECONDS);
  return `One of ${RELAYS} relays of a region dies, and it takes ${NOTICED_SECONDS} s until that is noticed. It keeps nothing, so nothing is lost with it. The other
relays take over its ${about(loss.topics)} topics, with one question to the shards for each; without relays, nodes would ask
${about(loss.readsWithoutRelays)} times. The last node has compared its topics after another ${short(loss.checkedSeconds)} s.

For a user: messages come a few seconds late, in order. ${loss.gapTopics} topics had more than 256 messages meanwhile, which is all that the
default history holds: their subscribers, ${percent(loss.gapSubscriptions)} of the subscriptions of the region, are told a gap.`;
}

function regionTable(world: World): string {
  const places = [loseRegion(world, world.shardOf), loseRegion(world, world.homeShardOf)];
  const row = (title: string, show: (loss: (typeof places)[number]) => string): string[] => [
    title,
    ...places.map(show),
  ];
  return table(
    ['a topic lies on', 'any shard', 'a shard of its home region'],
    [
      row('publications whose topic is away', ({ publishes }) => percent(publishes)),
      row('subscriptions of its own clients whose topic is away', ({ ownSubscriptions }) => percent(ownSubscriptions)),
      row('the same of other clients', ({ otherSubscriptions }) => percent(otherSubscriptions)),
      row('connections of a node before', ({ connectionsBefore }) => about(connectionsBefore)),
      row('connections of a node after', ({ connectionsAfter }) => about(connectionsAfter)),
    ],
  );
}

function stormTable(world: World): string {
  const { nodesPerRegion } = world.settings;
  const rows = [nodesPerRegion, nodesPerRegion / 5].flatMap((nodes) =>
    WAYS.map(([way, when]) => {
      const { peak, mostWaiting, halfLiveSeconds, allLiveSeconds } = comeBack(world, nodes, when);
      const [half, all] = [`${short(halfLiveSeconds)} s`, `${short(allLiveSeconds)} s`];
      return [`${nodes}`, way, about(peak), about(mostWaiting), half, all];
    }),
  );
  return table(
    ['nodes', 'clients come back', 'most on a node in 0.1 s', 'most that wait for it', 'half live', 'all live'],
    rows,
  );
}

function reshardTable(world: World): string {
  const cases = [
    ['weight 1, in one region', 1, NEAR_MS, false],
    ['weight 2, in one region', 2, NEAR_MS, false],
    ['weight 1, to another region', 1, FAR_MS, false],
    ['the same, and each old shard is lost in the move', 1, FAR_MS, true],
  ] as const;
  return table(
    ['new shard', 'topics moved', 'moved elsewhere', 'time', 'longest wait', 'gaps', 'silent with offsets alone'],
    cases.map(([title, weight, delayMs, dies]) => {
      const { moved, movedElsewhere, seconds, longestWaitMs, gaps, silentByOffset } = reshard(
        world,
        weight,
        delayMs,
        dies,
      );
      const [time, wait] = [`${short(seconds)} s`, `${short(longestWaitMs)} ms`];
      return [title, percent(moved), percent(movedElsewhere), time, wait, `${gaps}`, `${silentByOffset}`];
    }),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Two digits that count: the last ones of a count of chances mean nothing. */
function about(value: number): string {
  return whole(Number(value.toPrecision(2)));
}

function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}

function percent(part: number): string {
  return `${short(part * 100)} %`;
}

function whole(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}
