import { expect, test } from 'vitest';
import { metricsText } from '../../src/diagnostics/metrics-text.ts';
import { Observed } from '../../src/diagnostics/observed.ts';
import { addServer, clients, readServers, removeServer } from '../../src/diagnostics/sources.ts';
import { parsePrometheusText } from '../helpers/prometheus.ts';

function makeServer(path: string, opened: number) {
  const observed = new Observed('server', path);
  observed.opened = opened;
  return { observed, live: [], pendingHandshakes: 0 };
}

const openedOf = (path: string): number | undefined => readServers().find((server) => server.path === path)?.opened;

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
  for (let i = 0; i < 101; i++) {
    const server = makeServer(`/ended/${i}`, 1);
    addServer(server);
    removeServer(server);
  }
  expect(openedOf('/ended/0')).toBeUndefined();
  expect(openedOf('/ended/1')).toBe(1);
  expect(readServers().length).toBe(100);
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

test('what is open is added to what has ended', () => {
  const figures = { bytesReceived: 10, bytesSent: 20, bufferedBytes: 5, isBlocked: true };
  const live = [{ figures }, { figures: undefined }];
  clients.live.add(live[0]!).add(live[1]!);
  clients.observed.bytesReceived += 100;
  const samples = parsePrometheusText(metricsText());
  for (const each of live) clients.live.delete(each);
  const of = (name: string) => samples.find((sample) => sample.name === `four_d_websocket_client_${name}`)?.value;
  expect([of('connections'), of('blocked_connections'), of('buffered_bytes')]).toEqual([1, 1, 5]);
  expect([of('received_bytes_total'), of('sent_bytes_total')]).toEqual([110, 20]);
});
