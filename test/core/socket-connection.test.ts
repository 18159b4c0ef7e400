import { Duplex } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import {
  acceptOffer,
  buildHandshakeHeaders,
  buildUpgradeResponse,
  checkUpgradeRequest,
  checkUpgradeResponse,
  ConnectionSettings,
  createCompression,
  type DeflateParameters,
  type Ending,
  newHandshakeKey,
  PreparedMessage,
  SocketConnection,
  type SocketListener,
  type ValidUpgrade,
} from '../../src/core.ts';
import { errorOf } from '../helpers/error-of.ts';

/** Two streams, each of which reads what the other writes. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [0, 1].map(
    (side) =>
      new Duplex({
        read: () => undefined,
        write(chunk, _, done) {
          ends[1 - side]?.push(chunk);
          done();
        },
        final(done) {
          ends[1 - side]?.push(null);
          done();
        },
      }),
  );
  return ends as [Duplex, Duplex];
}

class Recorder implements SocketListener {
  readonly seen: unknown[] = [];
  ending: Ending | undefined;

  onMessage(data: string | Buffer, isText: boolean): void {
    if (data === 'throw') throw new Error('broken');
    this.seen.push(isText ? String(data) : data);
  }

  onPing(payload: Buffer): void {
    this.seen.push(`ping ${payload.toString()}`);
  }

  onPong(payload: Buffer): void {
    this.seen.push(`pong ${payload.toString()}`);
  }

  onError(error: Error): void {
    this.seen.push(error.message);
  }

  onClose(ending: Ending): void {
    this.ending = ending;
  }
}

const WANTED: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

const settings = {
  server: new ConnectionSettings({ role: 'server' }),
  client: new ConnectionSettings({ role: 'client', decodesText: false }),
};

interface Ends {
  readonly server: SocketConnection;
  readonly client: SocketConnection;
  readonly atServer: Recorder;
  readonly atClient: Recorder;
}

function connect(deflate?: DeflateParameters): Ends {
  const [left, right] = pair();
  const atServer = new Recorder();
  const atClient = new Recorder();
  const compressionOf = (role: 'server' | 'client') => ({
    compression: deflate && createCompression(role, { thresholdBytes: 0 })(deflate),
  });
  const server = new SocketConnection(left, settings.server, atServer, compressionOf('server'));
  const client = new SocketConnection(right, settings.client, atClient, compressionOf('client'));
  server.resume();
  client.resume();
  return { server, client, atServer, atClient };
}

test('carries messages, fragments, finished frames, pings and the close code over any stream', async () => {
  const { server, client, atServer, atClient } = connect(WANTED);
  const order: string[] = [];
  client.send('x'.repeat(100_000), true, () => order.push('compressed'));
  client.sendTextBytes(Buffer.from('bytes'), false, () => order.push('behind it'));
  client.sendFragment(Buffer.from('in '), 'text', false);
  client.sendFragment(Buffer.from('parts'), 'more', true);
  client.ping(Buffer.from('a'));
  server.sendFrame(new PreparedMessage('finished').frame);
  server.send(new PreparedMessage(Buffer.from([1])));
  await vi.waitFor(() => expect(atClient.seen).toHaveLength(3));
  // A ping does not wait for messages that are being compressed.
  expect(atServer.seen.map(String).map((text) => text.slice(0, 8))).toEqual([
    'ping a',
    'xxxxxxxx',
    'bytes',
    'in parts',
  ]);
  expect(atClient.seen.map(String).toSorted()).toEqual(['\x01', 'finished', 'pong a']);
  expect(order).toEqual(['compressed', 'behind it']);
  expect(() => client.sendFrame(Buffer.alloc(2))).toThrow('only a server');
  client.close(3000, 'bye');
  await vi.waitFor(() => expect(atServer.ending).toBeDefined());
  expect(atServer.ending).toMatchObject({ code: 3000, reason: 'bye', wasClean: true });
  expect(client.send('late')).toBe('dropped');
});

test('a finished frame keeps its place behind a message that is being compressed', async () => {
  const { server, atClient } = connect(WANTED);
  server.send('x'.repeat(100_000), true);
  server.sendFrame(new PreparedMessage('y'.repeat(200)).frame);
  server.sendFrame(new PreparedMessage('z').frame);
  server.sendFrame(new PreparedMessage('w'.repeat(70_000)).frame);
  await vi.waitFor(() => expect(atClient.seen).toHaveLength(4));
  expect(atClient.seen.map((message) => (message as string)[0])).toEqual(['x', 'y', 'z', 'w']);
  expect(atClient.seen.map((message) => (message as string).length)).toEqual([100_000, 200, 1, 70_000]);
});

test('a listener that throws ends the connection with 1011', async () => {
  const { server, client, atServer, atClient } = connect();
  client.send('throw');
  await vi.waitFor(() => expect(atClient.ending).toBeDefined());
  expect(atServer.seen).toEqual([expect.stringContaining('onMessage failed: broken')]);
  expect(atClient.ending).toMatchObject({ code: 1011 });
  expect(server.send('x')).toBe('dropped');
});

test('callbacks that are left get an error at the end', async () => {
  const { server, client } = connect();
  const results: (Error | undefined)[] = [];
  client.send('x', undefined, (error) => results.push(error));
  client.terminate();
  server.terminate();
  client.send('y', undefined, (error) => results.push(error));
  await vi.waitFor(() => expect(results).toHaveLength(2));
  expect(results.at(-1)).toBeInstanceOf(Error);
});

test('nothing is read before resume(), nor while paused', async () => {
  const { server, client, atServer } = connect();
  server.pause();
  client.send('x');
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(atServer.seen).toEqual([]);
  server.resume();
  await vi.waitFor(() => expect(atServer.seen).toEqual(['x']));
  expect(() => client.close(1006)).toThrow('close code 1006 must not be sent');
});

describe('settings', () => {
  test.each([
    [{ role: 'peer' }, 'role must be "server" or "client"'],
    [{ role: 'server', maxMessageByte: 1 }, 'did you mean "maxMessageBytes"?'],
    [{ role: 'server', maxMessageBytes: 0 }, 'maxMessageBytes must be a whole number'],
    [{ role: 'server', answersPings: 1 }, 'answersPings must be true or false'],
  ])('%o are refused', (options, message) => {
    const error = errorOf(() => new ConnectionSettings(options as { role: 'server' }));
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(message) as string });
  });
});

test('the functions of the handshake agree with each other', () => {
  const key = newHandshakeKey();
  const offer = { protocols: ['a', 'b'], deflate: WANTED };
  const headers = Object.entries({ ...buildHandshakeHeaders(key, offer), Host: 'localhost' });
  const request = {
    method: 'GET',
    httpVersion: '1.1',
    url: '/',
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
  };
  const upgrade = checkUpgradeRequest(request) as ValidUpgrade;
  expect(upgrade).toMatchObject({ isValid: true, key, protocols: ['a', 'b'] });
  const accepted = acceptOffer(upgrade.extensions, WANTED);
  const answer = buildUpgradeResponse(upgrade.key, 'b', accepted?.answer ?? '');
  const lines = answer.trimEnd().split('\r\n').slice(1);
  const answerHeaders = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  expect(checkUpgradeResponse(answerHeaders, key, offer)).toEqual({ protocol: 'b', deflate: accepted?.parameters });
});
