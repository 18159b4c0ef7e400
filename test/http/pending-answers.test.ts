import { channel } from 'node:diagnostics_channel';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { PendingAnswers, watchAnswers } from '../../src/http/pending-answers.ts';
import { Inbox } from '../helpers/inbox.ts';
import { expectNoOpenSockets } from '../helpers/leftovers.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

afterAll(() => expectNoOpenSockets());

/** Node's channel, which costs each request something only while somebody listens. */
const REQUESTS = channel('http.server.request.start');

interface Setup {
  readonly server: Server;
  readonly port: number;
  readonly answers: Inbox<ServerResponse>;
}

async function start(): Promise<Setup> {
  const answers = new Inbox<ServerResponse>();
  const server = createServer((_, response) => answers.push(response));
  return { server, port: await listen(server), answers };
}

test('requests are watched from the first watcher of a server to the last, on this server alone', async () => {
  const [one, other] = [await start(), await start()];
  const counts: number[] = [];
  expect(REQUESTS.hasSubscribers).toBe(false);
  const ends = [
    watchAnswers(one.server, (_, pending) => void counts.push(pending.count)),
    watchAnswers(one.server),
    watchAnswers(other.server),
  ];
  ends.pop()!();
  await PlainClient.send(one.port, plainRequest('/').repeat(3));
  await PlainClient.send(other.port, plainRequest('/'));
  await one.answers.atLeast(3);
  const [response] = await other.answers.atLeast(1);
  expect([counts, PendingAnswers.of(response!.socket!)]).toEqual([[1, 2, 3], undefined]);
  ends.pop()!();
  expect(REQUESTS.hasSubscribers).toBe(true);
  for (const end of ends) end();
  expect(REQUESTS.hasSubscribers).toBe(false);
  // To end it twice does nothing.
  for (const end of ends) end();
});

test('an answer has its turn when those before it are over, and none when the connection takes no more', async () => {
  const { server, port, answers } = await start();
  const end = watchAnswers(server);
  const client = await PlainClient.send(port, plainRequest('/').repeat(4));
  const [one, two, three, four] = (await answers.atLeast(4)) as [
    ServerResponse,
    ServerResponse,
    ServerResponse,
    ServerResponse,
  ];
  const pending = PendingAnswers.of(one.socket as Socket)!;
  const turnsHad: number[] = [];
  [one, two, three, four].forEach((response, i) => pending.onceFirst(response, () => void turnsHad.push(i)));
  expect([turnsHad, pending.count]).toEqual([[0], 4]);
  three.end('3');
  one.end('1');
  await client.until('1');
  await turns();
  expect([turnsHad, pending.count]).toEqual([[0, 1], 3]);
  two.setHeader('Connection', 'close').end('2');
  await client.closed;
  await turns();
  expect([turnsHad, pending.count]).toEqual([[0, 1], 0]);
  pending.onceFirst(four, () => void turnsHad.push(-1));
  expect([turnsHad, client.statuses]).toEqual([
    [0, 1],
    [200, 200],
  ]);
  end();
});
