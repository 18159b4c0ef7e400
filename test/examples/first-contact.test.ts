import { expect, test } from 'vitest';
import { startExample } from '../helpers/program.ts';

// The programs that a newcomer copies: from the README, from Getting started, and from the page of the 4D way.
test.each(['readme', 'guide', '4d-way'])('%s: server and client find each other', { timeout: 60_000 }, async (name) => {
  const server = await startExample(`examples/${name}-server.ts`, { env: { PORT: '0' } });
  const url = await server.printed(/ws:\/\/\S+/);
  const client = await startExample(`examples/${name}-client.ts`, { args: [url] });
  expect(await client.printed(/^HELLO$/m)).toBe('HELLO');
});
