import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { requestPath } from '../helpers/http.ts';
import { connectPeer } from '../helpers/peer.ts';
import { type Program, type ProgramEnd, spawnExample } from '../helpers/program.ts';
import { RawClient } from '../helpers/raw-client.ts';

/** A framework that the library stands beside, by the example that shows it. */
export interface Neighbour {
  readonly name: string;
  /** In `examples/beside/`. It answers `hello` on `/` and 404 elsewhere, and echoes on `/echo`. */
  readonly example: string;
  /** Shows that its own WebSocket traffic goes on, where it has some. */
  readonly ownTraffic?: (url: string) => Promise<void>;
  /** How clients see the end of the process. By default the library ends them, by a close frame. */
  readonly closeCode?: number;
  /** How the process ends after SIGTERM, in a program that leaves the signal to its framework. Default: code 0. */
  readonly end?: ProgramEnd;
}

const orders = [
  ['attached as in the example', []],
  ['attached in the other order', ['test/processes/reversed-upgrades.ts']],
] as const;

/** Waits longer than a request that belongs to nobody has to wait for its 404. */
const UNANSWERED_MS = 40_000;

/** What holds beside every framework, whoever attaches first. */
export function describeNeighbour(neighbour: Neighbour): void {
  const missing = inject('missingFrameworks');
  const name = missing === '' ? neighbour.name : `${neighbour.name} (not installed: ${missing})`;
  const { ownTraffic } = neighbour;

  describe.skipIf(missing !== '').each(orders)(`${name}, %s`, (_, wrapper) => {
    let program: Program;
    let port: number;
    let url: string;

    beforeAll(async () => {
      const [path, ...args] = [...wrapper, `examples/beside/${neighbour.example}`] as [string, ...string[]];
      program = await spawnExample(path, {
        args,
        env: {
          TSX_TSCONFIG_PATH: 'examples/beside/tsconfig.json',
          NODE_ENV: 'development',
          NEXT_TELEMETRY_DISABLED: '1',
        },
      });
      port = Number(await program.printed(/port: (\d+)/));
      url = `ws://127.0.0.1:${port}`;
    });

    afterAll(() => program.kill());

    test('routes answer, and other paths get the 404 of the framework', async () => {
      const found = await requestPath(port, '/');
      expect(found.status).toBe(200);
      expect(found.body).toContain('hello');
      const { status, body } = await requestPath(port, '/nothing');
      expect(status).toBe(404);
      expect(body).not.toContain('WebSocket server');
    });

    test('the WebSocket server echoes, compressed', async () => {
      const peer = await connectPeer(`${url}/echo?a=b`);
      expect(peer.socket.extensions).toContain('permessage-deflate');
      const text = 'echo '.repeat(1000);
      peer.send(text);
      expect(await peer.nextText()).toBe(text);
      expect(peer.tcp!.bytesRead).toBeLessThan(text.length);
    });

    test('pages of other hosts are refused', async () => {
      const headers = ['Origin: https://evil.example'];
      const { status, body } = await (await RawClient.request(port, { path: '/echo', headers })).answered;
      expect(status).toBe(403);
      expect(body).toContain('origins');
    });

    test.skipIf(ownTraffic === undefined)('its own WebSocket traffic goes on beside ours', async () => {
      const peer = await connectPeer(`${url}/echo`);
      await ownTraffic!(url);
      peer.send('still here');
      expect(await peer.nextText()).toBe('still here');
    });

    // The framework could answer such a request, so the library waits half a minute: once is enough.
    test.skipIf(ownTraffic !== undefined && wrapper.length > 0)(
      'an upgrade for a path of nobody gets 404',
      async () => {
        const client = await RawClient.request(port, { path: '/unknown' });
        expect(await client.answered).toMatchObject({ status: 404, body: 'no WebSocket server has this path\n' });
      },
      UNANSWERED_MS,
    );

    test('the process ends with its clients', async () => {
      const peer = await connectPeer(`${url}/echo`);
      program.signal('SIGTERM');
      expect((await peer.closed).code).toBe(neighbour.closeCode ?? 1001);
      expect(await program.ended).toEqual(neighbour.end ?? { code: 0, signal: null });
      // The only thing to warn of is the path of nobody.
      const complaints = program.lines.filter((line) => /warn|error/i.test(line));
      expect(complaints.filter((line) => !line.includes('4dWebSocketWarning') && !line.includes('--trace-'))).toEqual(
        [],
      );
    });
  });
}
