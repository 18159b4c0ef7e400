import { BUCKET_SECONDS } from './callback-times.ts';
import { Snapshot } from './observed.ts';
import { clients, readServers, unrouted } from './sources.ts';

/** Names of metrics cannot begin with a digit; `four_d` would count as an abbreviation of days. */
const PREFIX = 'fourd_websocket';

type Labels = Readonly<Record<string, string>>;

/** One line of a metric: what is added to its name, labels, value. */
type Sample = readonly [suffix: string, labels: Labels, value: number];

/** A metric of a server or of all clients: the name behind `fourd_websocket_server_` or `…_client_`. */
interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly read: (snapshot: Snapshot) => readonly Sample[];
}

type NumberName = { [Name in keyof Snapshot]: Snapshot[Name] extends number ? Name : never }[keyof Snapshot];

const METRICS: readonly Metric[] = [
  single('connections', 'gauge', 'connections', 'Connections that are open now.'),
  single('connections_opened_total', 'counter', 'opened', 'Connections that have been opened.'),
  byCause('connections_ended_total', 'ended', 'Connections that have ended, by cause.'),
  single('blocked_connections', 'gauge', 'blockedConnections', 'Connections on which messages wait now.'),
  single('blocked_total', 'counter', 'blocked', 'Times that a message had to wait where none waited before.'),
  single('buffered_bytes', 'gauge', 'bufferedBytes', 'Bytes that wait to be sent now.'),
  single('messages_received_total', 'counter', 'messagesReceived', 'Messages that have come.'),
  single('messages_sent_total', 'counter', 'messagesSent', 'Messages that send took, at once or to wait.'),
  single('messages_dropped_total', 'counter', 'messagesDropped', 'Messages that send or bufferPolicy dropped.'),
  single('received_bytes_total', 'counter', 'bytesReceived', 'Bytes that came behind the handshakes.'),
  single('sent_bytes_total', 'counter', 'bytesSent', 'Bytes that the system was given.'),
  {
    name: 'callbacks_total',
    type: 'counter',
    help: 'Events for which a callback was called, or the handler has none.',
    read: ({ callbackTimes }) => [['', {}, callbackTimes.count]],
  },
  {
    name: 'callback_duration_seconds',
    type: 'histogram',
    help:
      'Time until a callback returned or its promise settled, ' +
      'of every 64th callback, and of all while 4d-websocket:message has subscribers.',
    read: readCallbackTimes,
  },
];

/** Gauges and counters of topics: their names in the figures, and here. */
const TOPIC_METRICS: readonly Metric[] = [
  ofTopics('topics', 'gauge', 'topics', 'Topics that are watched now.'),
  ofTopics('topic_subscriptions', 'gauge', 'subscriptions', 'Subscriptions now.'),
  ofTopics('topic_subscriptions_behind', 'gauge', 'behind', 'Subscriptions that do not keep up now.'),
  ofTopics('topic_ring_bytes', 'gauge', 'ringBytes', 'Memory of recent messages, about.'),
  ofTopics('topic_outbox_waiting', 'gauge', 'outboxWaiting', 'Messages that wait for the broker now.'),
  ofTopics('topic_brokers_down', 'gauge', 'brokersDown', 'Servers whose broker cannot be reached now.'),
  ofTopics('topic_nodes_alive', 'gauge', 'nodesAlive', 'Processes with the broker whose leases live.'),
  ofTopics('topic_published_total', 'counter', 'published', 'Messages that this process has published.'),
  ofTopics('topic_delivered_total', 'counter', 'delivered', 'Messages that went to subscribers as they came.'),
  ofTopics('topic_replayed_total', 'counter', 'replayed', 'Messages that subscribers had missed or asked for.'),
  ofTopics('topic_volatile_dropped_total', 'counter', 'volatileDropped', 'Volatile messages that were not sent.'),
  ofTopics('topic_gaps_total', 'counter', 'gaps', 'Subscribers that were told of missing messages.', 'reason'),
  ofTopics('topic_resumes_total', 'counter', 'resumes', 'Subscriptions that came back.', 'outcome'),
  ofTopics('topic_reads_total', 'counter', 'reads', 'Questions to the broker for messages.'),
  ofTopics('topic_holes_repaired_total', 'counter', 'holesRepaired', 'Announcements that were missed and found.'),
  ofTopics('topic_head_differences_total', 'counter', 'headDifferences', 'Newest messages that were not announced.'),
  ofTopics('topic_forks_total', 'counter', 'forks', 'Topics that have lost their newest messages.'),
  ofTopics('topic_members_swept_total', 'counter', 'membersSwept', 'Members of dead processes that were removed.'),
  ofTopics('topic_broker_reconnects_total', 'counter', 'brokerReconnects', 'Times that the broker came back.'),
];

const SERVER_METRICS: readonly Metric[] = [
  ...METRICS,
  ...TOPIC_METRICS,
  single('pending_handshakes', 'gauge', 'pendingHandshakes', 'Clients that wait for an answer to their upgrade now.'),
  byCause('refused_total', 'refused', 'Clients that were refused, by cause.'),
];

const CLIENT_METRICS: readonly Metric[] = [
  ...METRICS,
  single('connect_attempts_total', 'counter', 'attempts', 'Attempts to connect.'),
  byCause('connect_failures_total', 'failed', 'Attempts to connect that failed, by cause.'),
];

/**
 * Returns the figures of all servers and clients of this process in the text format of Prometheus (version 0.0.4): serve
 * it with the content type `text/plain; version=0.0.4; charset=utf-8`.
 *
 * @remarks Servers with the same path count together; `path` is the option, `*` for a server of all paths, never the path
 * of a request. Counters of a path go on when its server ends and another one takes the path, for the last 100 paths.
 */
export function metricsText(): string {
  const ofServers = Array.from(readServers(), ([path, snapshot]) => [{ path }, snapshot] as const);
  const ofClients = [[{}, new Snapshot('client').read(clients)] as const];
  const unroutedCounts = new Snapshot('server');
  unroutedCounts.add(unrouted);
  const refused = byCause(
    'unrouted_refused_total',
    'refused',
    'Clients that were refused before any server was asked.',
  );
  return [
    ...SERVER_METRICS.map((metric) => writeMetric('server', metric, ofServers)),
    writeMetric('server', refused, [[{}, unroutedCounts]]),
    ...CLIENT_METRICS.map((metric) => writeMetric('client', metric, ofClients)),
  ].join('');
}

function writeMetric(
  side: string,
  { name, type, help, read }: Metric,
  snapshots: readonly (readonly [Labels, Snapshot])[],
): string {
  const fullName = `${PREFIX}_${side}_${name}`;
  const lines = snapshots.flatMap(([labels, snapshot]) =>
    read(snapshot).map(
      ([suffix, ownLabels, value]) =>
        `${fullName}${suffix}${writeLabels({ ...labels, ...ownLabels })} ${writeNumber(value)}\n`,
    ),
  );
  // A metric without a sample is left out with its description.
  return lines.length === 0 ? '' : `# HELP ${fullName} ${help}\n# TYPE ${fullName} ${type}\n${lines.join('')}`;
}

function writeLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function writeNumber(value: number): string {
  return value === Infinity ? '+Inf' : String(value);
}

function single(name: string, type: 'counter' | 'gauge', property: NumberName, help: string): Metric {
  return { name, type, help, read: (snapshot) => [['', {}, snapshot[property]]] };
}

function byCause(name: string, property: 'ended' | 'refused' | 'failed', help: string): Metric {
  const read = (snapshot: Snapshot): Sample[] =>
    Array.from<readonly [string, number], Sample>(snapshot[property], ([cause, count]) => ['', { cause }, count]);
  return { name, type: 'counter', help, read };
}

/**
 * A metric of topics. A server without topics has no sample of it.
 *
 * @param label - name of the label, where the figure has kinds: then they stand behind its name
 */
function ofTopics(name: string, type: 'counter' | 'gauge', figure: string, help: string, label?: string): Metric {
  const read = ({ topicCounts, topicGauges }: Snapshot): Sample[] =>
    Array.from(type === 'counter' ? topicCounts : topicGauges).flatMap(([key, value]): Sample[] => {
      const [found, kind = ''] = key.split(' ');
      return found === figure ? [['', label === undefined ? {} : { [label]: kind }, value]] : [];
    });
  return { name, type, help, read };
}

/** The buckets of a histogram count from the fastest up: each holds all before it. */
function readCallbackTimes({ callbackTimes }: Snapshot): Sample[] {
  let total = 0;
  const buckets = callbackTimes.buckets.map((count, i): Sample => {
    total += count;
    return ['_bucket', { le: writeNumber(BUCKET_SECONDS[i] ?? Infinity) }, total];
  });
  return [...buckets, ['_sum', {}, callbackTimes.timedSeconds], ['_count', {}, callbackTimes.timedCount]];
}
