import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricsText } from '../../src/diagnostics/metrics-text.ts';
import { Observed } from '../../src/diagnostics/observed.ts';
import { addServer, clients, readServers, removeServer, unrouted } from '../../src/diagnostics/sources.ts';
import { parsePrometheusText } from '../helpers/prometheus.ts';

function makeServer(path: string | undefined, opened: number) {
  const observed = new Observed('server', path);
  observed.opened = opened;
  return { observed, live: [], pendingHandshakes: 0 };
}

const openedOf = (path: string): number | undefined => readServers().get(path)?.opened;

test('servers of one path count together, also those that have ended', () => {
  const [first, second] = [makeServer('/a', 3), makeServer('/a', 4)];
  addServer(first);
  addServer(second);
  expect(openedOf('/a')).toBe(7);
  removeServer(first);
  removeServer(first);
  expect(openedOf('/a')).toBe(7);
  removeServer(second);
  expect(openedOf('/a')).toBe(7);
});

test('the paths of servers that have ended are forgotten, the oldest first, so that they cannot pile up', () => {
  const paths = Array.from({ length: 100 }, (_, i) => `/ended/${i}`);
  for (const path of [...paths, '/ended/0', '/ended/100']) {
    const server = makeServer(path, 1);
    addServer(server);
    removeServer(server);
  }
  expect(openedOf('/ended/0')).toBe(2);
  expect(openedOf('/ended/1')).toBeUndefined();
  expect(readServers().size).toBe(100);
});

test('buckets count upwards, and labels are escaped', () => {
  const server = makeServer('/"\\\n', 1);
  for (const ms of [0.05, 0.5, 50, 5000]) server.observed.callbackTimes.note(ms);
  addServer(server);
  const samples = parsePrometheusText(metricsText()).filter(({ labels }) => labels['path'] === '/"\\\n');
  removeServer(server);
  const buckets = samples.filter(({ name }) => name.endsWith('_seconds_bucket'));
  expect(buckets.map(({ labels, value }) => [labels['le'], value])).toEqual([
    ['0.0001', 1],
    ['0.001', 2],
    ['0.005', 2],
    ['0.025', 2],
    ['0.1', 3],
    ['0.5', 3],
    ['2.5', 3],
    ['+Inf', 4],
  ]);
  expect(samples.find(({ name }) => name.endsWith('_seconds_sum'))?.value).toBeCloseTo(5.05055);
});

test('a server of all paths and one of the pattern * count together, because they have one label', () => {
  const servers = [makeServer(undefined, 3), makeServer('*', 4)];
  for (const server of servers) addServer(server);
  const samples = parsePrometheusText(metricsText()).filter(
    ({ name, labels }) => name.endsWith('server_connections_opened_total') && labels['path'] === '*',
  );
  for (const server of servers) removeServer(server);
  expect(samples.map(({ value }) => value)).toEqual([7]);
});

test('what is open is added to what has ended', () => {
  const figures = { bytesReceived: 10, bytesSent: 20, bufferedBytes: 5, isBlocked: true };
  const live = [{ figures }, { figures: undefined }];
  clients.live.add(live[0]!).add(live[1]!);
  clients.observed.bytesReceived += 100;
  const samples = parsePrometheusText(metricsText());
  for (const each of live) clients.live.delete(each);
  const of = (name: string) => samples.find((sample) => sample.name === `fourd_websocket_client_${name}`)?.value;
  expect([of('connections'), of('blocked_connections'), of('buffered_bytes')]).toEqual([1, 1, 5]);
  expect([of('received_bytes_total'), of('sent_bytes_total')]).toEqual([110, 20]);
});

function readGuide(name: string): string {
  return readFileSync(new URL(`../../docs/guide/${name}`, import.meta.url), 'utf8');
}

/** The name of a metric in the table of the guide. */
function shortName(name: string): string {
  return name.replace(/^fourd_websocket_/, '').replace(/_(?:bucket|sum|count)$/, '');
}

test('the dashboard of the guide asks for metrics that exist, and so does its page', () => {
  const server = makeServer('/dashboard', 1);
  const { observed } = server;
  observed.ended.set('local', 1);
  observed.refused.set('origin', 1);
  addServer(server);
  clients.observed.ended.set('local', 1);
  clients.observed.failed.set('connect', 1);
  unrouted.refused.set('path', 1);
  const names = new Set(parsePrometheusText(metricsText()).map(({ name }) => name));
  removeServer(server);
  const dashboard = readGuide('grafana-dashboard.json');
  const page = readGuide('observing.md');
  const panels = Array.from(page.matchAll(/```json\n([^]*?)```/g), ([, json]) => JSON.parse(json!) as unknown);
  expect(panels).toHaveLength(1);
  expect((JSON.parse(dashboard) as { panels: unknown[] }).panels).toContainEqual(
    expect.objectContaining({ title: (panels[0] as { title: string }).title }),
  );
  const asked = Array.from(`${dashboard}${page}`.matchAll(/fourd_websocket_\w+[a-z]/g), ([name]) => name);
  expect(new Set(asked).size).toBeGreaterThan(10);
  expect(asked.filter((name) => !names.has(name))).toEqual([]);
  // The table of the page lists all metrics, without the prefix.
  const [, listed] = /(\| metric[^]*?)```yaml/.exec(page)!;
  const isListed = (name: string) =>
    listed!.includes(name) || listed!.includes(`…${name.replace(/^(?:server|client)/, '')}`);
  expect(Array.from(names, shortName).filter((name) => !isListed(name))).toEqual([]);
});
