import { expect, test } from 'vitest';
import { connectPeer } from '../helpers/peer.ts';
import { startExample } from '../helpers/program.ts';
import { parsePrometheusText } from '../helpers/prometheus.ts';

test('4D-222 the example serves the figures of its server', { timeout: 60_000 }, async () => {
  const program = await startExample('examples/metrics.ts', { env: { METRICS_PORT: '0' } });
  const peer = await connectPeer(await program.printed(/ws:\S+/));
  peer.send('hello');
  await peer.messages.atLeast(1);
  const response = await fetch(await program.printed(/http:\S+/));
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = parsePrometheusText(await response.text());
  const ofServer = samples.filter(({ labels }) => labels['path'] === '/echo');
  const of = (name: string) => ofServer.find((sample) => sample.name === `fourd_websocket_server_${name}`)?.value;
  expect([of('connections'), of('messages_received_total'), of('messages_sent_total')]).toEqual([1, 1, 1]);
});
