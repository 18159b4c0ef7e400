import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { expect, test, vi } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';

test('4D-220 the example makes a span of each connection, with its messages and its error', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  await import('../../examples/opentelemetry.ts');
  const { url, wss } = await startServerOf({ onMessage: () => {} }, { path: '/chat', maxMessageBytes: 1000 });
  const handler = recordingHandler();
  const ws = await WebSocket.new(`${url}/chat?token=geheim`, handler);
  ws!.send('geheim'.repeat(1000));
  await handler.ended();
  await wss.drain();
  await vi.waitUntil(() => exporter.getFinishedSpans().length === 2);
  const spans = exporter.getFinishedSpans().map(({ attributes, events, status }) => ({ attributes, events, status }));
  const server = spans.find(({ attributes }) => attributes['side'] === 'server')!;
  expect(server.attributes).toMatchObject({ path: '/chat', cause: 'limit', limit: 1000, observed: 6000, code: 1009 });
  expect(server.status).toMatchObject({ message: 'ERR_MESSAGE_TOO_BIG' });
  const client = spans.find(({ attributes }) => attributes['side'] === 'client')!;
  expect(client.attributes).toMatchObject({ cause: 'peer-closed', code: 1009 });
  expect(client.events.map(({ name }) => name)).toContain('sent');
  expect(JSON.stringify(spans)).not.toContain('geheim');
});
