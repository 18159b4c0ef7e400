import { errorOf } from '../helpers/error-of.ts';
import { syncBuiltinESMExports } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BroadcastOptions, SendableMessage, WebSocketServer, WebSocketServerOptions } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { connectPeer, type Peer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';

const JSON_1K = JSON.stringify(Array.from({ length: 40 }, (_, id) => ({ id, name: `name ${id}` })));

/** Starts a server with clients of the ws package, in order of their arrival. */
async function open(
  count: number,
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): Promise<{ wss: WebSocketServer<unknown>; url: string; peers: Peer[] }> {
  const { wss, url } = await startServerOf(recordingHandler(), options);
  const peers: Peer[] = [];
  for (let i = 0; i < count; i++) peers.push(await connectPeer(url));
  return { wss, url, peers };
}

/** Counts the calls of the function that compresses short messages, until the test ends. */
function countDeflating(): { calls: number } {
  const counter = { calls: 0 };
  const original = zlib.deflateRawSync;
  zlib.deflateRawSync = (...parameters) => {
    counter.calls++;
    return original(...parameters);
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    zlib.deflateRawSync = original;
    syncBuiltinESMExports();
  });
  return counter;
}

const compressions = [undefined, true, { serverNoContextTakeover: false, thresholdBytes: 0 }] as const;

describe.each(compressions)('with compression %j', (compression) => {
  test('all connections get the message, in the form that send gives it', async () => {
    const { wss, peers } = await open(3, { compression });
    const messages: [SendableMessage, string, boolean][] = [
      ['héllo', 'héllo', false],
      [Buffer.from('bytes'), 'bytes', true],
      [{ a: [1, null] }, '{"a":[1,null]}', false],
      ['', '', false],
      [JSON_1K, JSON_1K, false],
      [Buffer.alloc(100_000, 'large'), 'large'.repeat(20_000), true],
    ];
    for (const [message] of messages) expect(wss.broadcast(message)).toBe(3);
    for (const peer of peers) {
      const seen = await peer.messages.atLeast(messages.length);
      expect(seen.map(({ bytes, isBinary }) => [bytes.toString(), isBinary])).toEqual(
        messages.map(([, text, isBinary]) => [text, isBinary]),
      );
    }
  });

  test('the message keeps its place among messages sent before and after', async () => {
    const { wss, peers } = await open(3, { compression });
    const large = JSON_1K.repeat(60);
    const expected = ['1', large, '2', JSON_1K, '3', large, '4', '5'];
    for (const [i, text] of expected.entries()) {
      const compress = i % 3 === 0 ? undefined : i % 3 === 1;
      if (i % 2 === 0) for (const connection of wss.connections) connection.send(text, { compress });
      else wss.broadcast(text, { compress });
    }
    for (const peer of peers) {
      const seen = await peer.messages.atLeast(expected.length);
      expect(seen.map(({ bytes }) => bytes.toString())).toEqual(expected);
    }
  });

  test('4D-213 except that is no connection, and a flag that is no boolean, is an error: nobody gets the message', async () => {
    const { wss, peers } = await open(1, { compression });
    for (const [options, problem] of [
      [{ except: 5 }, 'except must be a connection, or an array of them; received 5'],
      [{ except: new Set(wss.connections) }, 'except must be a connection, or an array of them; received object'],
      [{ except: [wss.connections[0]!.id] }, 'except must be a connection, or an array of them; received '],
      [{ compress: 'no' }, 'compress must be true or false'],
    ] as const) {
      expect(errorOf(() => wss.broadcast('lost', options as never)).message).toContain(`invalid option: ${problem}`);
    }
    expect(wss.broadcast('all', { except: null as never })).toBe(1);
    expect((await peers[0]!.messages.atLeast(1))[0]!.bytes.toString()).toBe('all');
  });

  test('except leaves out one or several connections', async () => {
    const { wss, peers } = await open(4, { compression });
    const [first, second, third] = wss.connections;
    const cases: [BroadcastOptions['except'], number, string][] = [
      [undefined, 4, 'all'],
      [first, 3, 'not the first'],
      [[], 4, 'all again'],
      [[first!, third!], 2, 'two'],
      [[...wss.connections], 0, 'nobody'],
      [second, 3, 'not the second'],
    ];
    for (const [except, receivers, text] of cases) expect(wss.broadcast(text, { except })).toBe(receivers);
    wss.broadcast('end');
    const seen: string[][] = [];
    for (const peer of peers) {
      const texts: string[] = [];
      while (texts.at(-1) !== 'end') texts.push(await peer.nextText());
      seen.push(texts);
    }
    expect(seen).toEqual([
      ['all', 'all again', 'not the second', 'end'],
      ['all', 'not the first', 'all again', 'two', 'end'],
      ['all', 'not the first', 'all again', 'not the second', 'end'],
      ['all', 'not the first', 'all again', 'two', 'not the second', 'end'],
    ]);
  });

  test('connections that are closing or gone do not get the message', async () => {
    const { wss, peers } = await open(3, { compression });
    wss.connections[0]!.terminate();
    expect(wss.broadcast('a')).toBe(2);
    peers[1]!.cut();
    await peers[0]!.closed;
    while (wss.connections.length > 1) await nextTurn();
    expect(wss.broadcast('b')).toBe(1);
    expect([await peers[2]!.nextText(), await peers[2]!.nextText()]).toEqual(['a', 'b']);
    expect(peers[0]!.messages.all).toEqual([]);
    await peers[1]!.closed;
  });
});

test('a message that cannot be sent reaches no connection', async () => {
  const { wss, peers } = await open(2);
  for (const message of [undefined, null, 5, () => {}, Promise.resolve('a')]) {
    expect(() => wss.broadcast(message as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_MESSAGE' }));
  }
  const errors = recordErrors();
  expect(wss.broadcast(5 as never)).toBe(0);
  expect(errors.map(([item]) => item!.componentSignature)).toEqual(['HTTP']);
  wss.broadcast('good');
  for (const peer of peers) expect(await peer.nextText()).toBe('good');
});

test('without connections the message is only checked', async () => {
  const { wss } = await startServerOf(recordingHandler());
  expect(wss.broadcast('a')).toBe(0);
  expect(() => wss.broadcast(5 as never)).toThrow('cannot send number');
});

test('a receiver that is too slow is ended, and the others get the message', async () => {
  const { wss, url, peers } = await open(2, { maxBufferedBytes: 1_000_000 });
  const slow = await RawClient.request(Number(new URL(url).port));
  expect((await slow.answered).status).toBe(101);
  slow.socket.pause();
  while (wss.connections.length < 3) await nextTurn();
  const text = 'x'.repeat(1_000_000);
  let sent = 0;
  for (let receivers = 3; receivers === 3; sent++) {
    receivers = wss.broadcast(text);
    for (const peer of peers) await peer.messages.atLeast(sent + 1);
  }
  expect(sent).toBeGreaterThan(1);
  expect(wss.connections.map(({ status }) => status)).toEqual(['Connected', 'Connected', 'Closing']);
  slow.socket.destroy();
  while (wss.connections.length > 2) await nextTurn();
  expect(wss.broadcast('end')).toBe(2);
});

describe('compression', () => {
  test('is done once for all receivers with the same parameters, and not for receivers without', async () => {
    const { wss, url, peers } = await open(10, { compression: true });
    peers.push(await connectPeer(url, { perMessageDeflate: false }));
    peers.push(await connectPeer(url, { perMessageDeflate: { serverMaxWindowBits: 10 } }));
    const counter = countDeflating();
    wss.broadcast(JSON_1K);
    // One compression for each window size.
    expect(counter.calls).toBe(2);
    wss.broadcast(JSON_1K, { compress: false });
    wss.broadcast('short');
    expect(counter.calls).toBe(2);
    wss.broadcast('short', { compress: true });
    expect(counter.calls).toBe(4);
    for (const peer of peers) {
      const seen = await peer.messages.atLeast(4);
      expect(seen.map(({ bytes }) => bytes.toString())).toEqual([JSON_1K, JSON_1K, 'short', 'short']);
    }
  });

  test('is done once when clients keep their context and the server does not', async () => {
    const { wss, peers } = await open(5, { compression: { clientNoContextTakeover: false } });
    const counter = countDeflating();
    wss.broadcast(JSON_1K);
    expect(counter.calls).toBe(1);
    for (const peer of peers) expect(await peer.nextText()).toBe(JSON_1K);
  });

  test('is done twice at most when a text is sent to each connection in turn', async () => {
    const { wss, peers } = await open(5, { compression: true });
    const counter = countDeflating();
    for (const connection of wss.connections) connection.send(JSON_1K);
    expect(counter.calls).toBe(2);
    for (const peer of peers) expect(await peer.nextText()).toBe(JSON_1K);
  });

  test('is done for each receiver when the server keeps its context', async () => {
    const { wss, peers } = await open(3, { compression: { serverNoContextTakeover: false } });
    const counter = countDeflating();
    wss.broadcast(JSON_1K);
    expect(counter.calls).toBe(3);
    for (const peer of peers) expect(await peer.nextText()).toBe(JSON_1K);
  });
});
