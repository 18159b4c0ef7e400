/**
 * Spans of OpenTelemetry for all connections of the process, one for each connection, with what happened on it as events.
 * Nothing else has to change: import this file before the first client or server is created, beside your set-up of
 * OpenTelemetry.
 *
 * Run it with: npm run example -- opentelemetry
 * Without a set-up the spans go nowhere, and nothing is printed.
 */
import { subscribe } from 'node:diagnostics_channel';
import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ConnectionChannelMessage, MessageChannelMessage } from '4d-websocket';

const tracer = trace.getTracer('4d-websocket');
const spans = new Map<number, Span>();

subscribe('4d-websocket:connection', (message) => {
  const { type, id, ...facts } = message as ConnectionChannelMessage;
  if (type === 'opened') {
    const kind = facts.side === 'server' ? SpanKind.SERVER : SpanKind.CLIENT;
    spans.set(id, tracer.startSpan('websocket', { kind, attributes: { ...facts } }));
  } else if (type === 'ended') {
    const { error } = message as Extract<ConnectionChannelMessage, { type: 'ended' }>;
    if (error !== undefined) spans.get(id)?.setStatus({ code: SpanStatusCode.ERROR, message: error });
    spans
      .get(id)
      ?.setAttributes({ ...facts })
      .end();
    spans.delete(id);
  } else spans.get(id)?.addEvent(type, { ...facts });
});

subscribe('4d-websocket:message', (message) => {
  const { type, id, ...facts } = message as MessageChannelMessage;
  spans.get(id)?.addEvent(type, { ...facts });
});
