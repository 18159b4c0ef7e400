import fc from 'fast-check';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { type RequestInfo, WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts';
import { readFastUpgradeRequest } from '../../src/handshake/fast-upgrade-request.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { type HttpAnswer, RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { checkLaws } from './check-laws.ts';
import { fastUpgradeLaws, upgradeRequest } from './laws/fast-upgrade-request.ts';

checkLaws(fastUpgradeLaws);

test('the fast path reads many of the requests that the law generates', () => {
  const texts = fc.sample(upgradeRequest, 1500);
  expect(texts.filter((text) => readFastUpgradeRequest(text) !== undefined).length).toBeGreaterThan(150);
});

/** Options whose rules read headers. */
const READING_OPTIONS: readonly Omit<WebSocketServerOptions, 'dataType' | 'webServer'>[] = [
  {},
  { origins: ['http://bücher.example', 'http://localhost'] },
  { hosts: ['localhost', 'bücher.example'], trustedProxies: ['127.0.0.1'] },
];

/** Starts two servers that differ only in who reads the requests: the fast path, or Node's parser. */
async function startBoth(
  options: (typeof READING_OPTIONS)[number],
): Promise<{ ports: [number, number]; seen: RequestInfo[][] }> {
  const seen: RequestInfo[][] = [[], []];
  const web = await startWebServer();
  const plain = createServer((_, response) => response.writeHead(404).end());
  const ports: [number, number] = [web.HTTPPort, await listen(plain)];
  for (const [i, webServer] of [web, plain].entries()) {
    const wss = WebSocketServer.new(
      {
        onConnection(_, event) {
          seen[i]!.push(event.request);
          return recordingHandler() as never;
        },
      },
      { webServer, path: '/a', protocols: ['a', 'b'], compression: true, ...options },
    )!;
    onTestFinished(() => wss.terminate(0));
  }
  return { ports, seen };
}

/**
 * Sends a request and ends this side.
 *
 * @returns the answer to an upgrade; `'plain'` for the answer to a plain request, which has a Date and differs between
 *   the servers; `'none'` when the server ends without an answer
 */
async function ask(port: number, text: string): Promise<HttpAnswer | 'plain' | 'none'> {
  const client = await RawClient.connect(port);
  client.socket.end(text, 'latin1');
  const answer = await Promise.race([client.answered, client.ended.then(() => 'none' as const)]);
  client.socket.destroy();
  return answer !== 'none' && answer.headers.has('date') ? 'plain' : answer;
}

test.each(READING_OPTIONS)(
  '4D-068 4D-072 the fast path and Node give the same answer and the same request in onConnection (options %j)',
  async (options) => {
    const { ports, seen } = await startBoth(options);
    const plain = upgradeRequest.filter((text) => readFastUpgradeRequest(text) !== undefined);
    await fc.assert(
      fc.asyncProperty(fc.oneof(plain, upgradeRequest), async (text) => {
        const [first, second] = await Promise.all([ask(ports[0], text), ask(ports[1], text)]);
        expect(first).toEqual(second);
        expect(seen[0]!.splice(0)).toEqual(seen[1]!.splice(0));
      }),
      { numRuns: 100 },
    );
  },
);
