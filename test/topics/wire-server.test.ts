import { expect, test } from 'vitest';
import { recordErrors } from '../helpers/error-handlers.ts';
import { wireCases } from './wire-cases.ts';
import { bind, type Bindings } from './wire-frames.ts';
import { startWireServer, WireClient } from './wire-world.ts';

test.each(wireCases)('a server of 4d-topics.1: $title', async ({ steps }) => {
  const errors = recordErrors();
  const { port, wss } = await startWireServer();
  const client = await WireClient.open(port);
  const values: Bindings = new Map();
  for (const step of steps) {
    if ('client' in step) client.send(bind(step.client, undefined, values) as string);
    else if ('program' in step) await wss.topics.publish(...(step.program as [string, string]));
    else {
      const frame = await client.next();
      expect(frame).toEqual(bind(step.server, frame, values));
    }
  }
  // What user code throws is reported, and never told to a client.
  expect(errors.flat().every(({ message }) => /^on\w+ failed/.test(message))).toBe(true);
});
