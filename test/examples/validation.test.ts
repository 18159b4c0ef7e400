import { expect, test } from 'vitest';
import { connectPeer } from '../helpers/peer.ts';
import { startExample } from '../helpers/program.ts';

test('the examples with zod and arktype check what they get and send', { timeout: 60_000 }, async () => {
  const server = await startExample('examples/validation-zod.ts');
  const url = await server.printed(/ws:\S+/);
  const client = await startExample('examples/validation-arktype.ts', { args: [url] });
  expect(await client.ended).toMatchObject({ code: 0 });
  expect(client.lines).toEqual(['cannot send: text does not match the schema', 'hello']);
  const peer = await connectPeer(url);
  peer.send('{"type":"move","x":"1","y":2}');
  expect((await peer.closed).code).toBe(1007);
  await server.printed(/invalid message: x does not match the schema/);
});

test('the example with valibot answers what does not match', { timeout: 60_000 }, async () => {
  const server = await startExample('examples/validation-valibot.ts');
  const peer = await connectPeer(await server.printed(/ws:\S+/));
  peer.send('{"sensor":"a","at":"today"}');
  expect(await peer.nextText()).toBe('{"wrong":["at","celsius"]}');
  peer.send('{"sensor":"a","at":"2026-11-27T21:00:00.000Z","celsius":3}');
  expect(await peer.nextText()).toBe('{"stored":"a","year":2026}');
});
