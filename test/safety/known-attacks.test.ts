import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkHeaders } from '../../src/api/headers.ts';
import { checkClientOptions } from '../../src/api/options.ts';
import { parseExtensions } from '../../src/protocol/header-grammar.ts';
import { nextMaskingKey } from '../../src/protocol/mask.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { describeFrames, frame, hex, maskByFormula, otherRole, ROLES } from '../helpers/frames.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { heldBytes } from '../helpers/memory.ts';
import { openConnection, peerFrames } from '../helpers/protocol-harness.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { RecordingHandler } from '../helpers/recording-handler.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { sides } from '../helpers/sides.ts';
import { turns } from '../helpers/turns.ts';

const VIEWS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
] as const;

describe.each(sides)('uninitialised memory never leaves ($name)', (side) => {
  test('any view of any buffer sends its own bytes and no others', async () => {
    const { ws, peer, handler } = await side.connect();
    const memory = randomBytes(256);
    const buffer = memory.buffer.slice(memory.byteOffset, memory.byteOffset + 256);
    for (const View of VIEWS) {
      const unit = 'BYTES_PER_ELEMENT' in View ? View.BYTES_PER_ELEMENT : 1;
      const view = new (View as typeof Uint8Array)(buffer, 8 * unit, 5);
      ws.send(view);
      const got = (await peer.messages.next()).bytes;
      expect(got.toString('hex')).toBe(memory.subarray(8 * unit, 8 * unit + 5 * unit).toString('hex'));
    }
    peer.socket.close();
    await handler.terminated;
  });
});

describe.each(ROLES)('hostile frames (%s)', (role) => {
  test('a length of 64 bits is refused on the header, and nothing is stored for it', () => {
    const before = heldBytes();
    for (const length of [1_048_577n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n]) {
      const { connection, sink } = openConnection(role);
      connection.receive(frame(otherRole(role), '82', '', { length, lengthBytes: 8 }));
      expect(sink.errors.map(({ closeCode }) => closeCode)).toEqual([length < 2n ** 63n ? 1009 : 1002]);
    }
    expect(heldBytes() - before).toBeLessThan(1_000_000);
  });

  test.each([0, 1])('a flood of fragments of %d bytes takes memory by bytes, and ends at maxFragments', (bytes) => {
    const { connection, sink } = openConnection(role, { maxFragments: 50_000 });
    const before = heldBytes();
    const piece = '00'.repeat(bytes);
    connection.receive(peerFrames(role, `02 ${piece}`));
    for (let i = 1; i < 50_000; i++) connection.receive(frame(otherRole(role), '00', piece));
    expect(sink.errors).toEqual([]);
    expect(heldBytes() - before).toBeLessThan(1_000_000);
    connection.receive(frame(otherRole(role), '00', piece));
    expect(sink.errors[0]).toMatchObject({ code: 'ERR_TOO_MANY_FRAGMENTS', limit: 50_000, observed: 50_001 });
  });

  test('a frame with the wrong mask is refused with 1002', () => {
    const { connection, sink } = openConnection(role);
    connection.receive(frame(role, '81', '61'));
    expect(sink.events).toEqual([`fail ERR_MASK_${role === 'server' ? 'REQUIRED' : 'FORBIDDEN'} 1002`]);
  });

  test('pings of a peer that does not read cost no memory, and are ended', async () => {
    const [here, there] = MemoryTransport.pair();
    const peer = RecordingListener.on(there, { reads: false });
    const { connection, output, sink } = openConnection(role);
    output.isBlocked = true;
    const before = heldBytes();
    for (let i = 0; i < 20_000; i++) connection.receive(frame(otherRole(role), '89', hex('ab'.repeat(125))));
    expect(sink.events).toHaveLength(20_000);
    expect(output.bytes).toHaveLength(0);
    expect(heldBytes() - before).toBeLessThan(1_000_000);
    output.isBlocked = false;
    connection.onOutputDrained();
    expect(describeFrames(output.bytes, role)).toEqual([`8a ${'ab'.repeat(125)}`]);
    here.destroy();
    await peer.until(() => peer.events.includes('closed'));
  });

  test('an idle connection pins no read buffer', () => {
    const before = heldBytes();
    const open = Array.from({ length: 50 }, () => {
      const harness = openConnection(role, { decodesText: false });
      const readBuffer = Buffer.allocUnsafeSlow(65_536);
      const stream = Buffer.concat([peerFrames(role, '82 0102', '81 616263', '89 70'), frame(otherRole(role), '82')]);
      stream.copy(readBuffer);
      harness.connection.receive(readBuffer.subarray(0, stream.length - 1));
      return harness;
    });
    expect(heldBytes() - before).toBeLessThan(1_000_000);
    expect(open[0]!.sink.messages).toHaveLength(2);
  });
});

describe.each(sides)('pings on the wire ($name)', (side) => {
  test('more than 60 pings in a second end the connection with 1008', async () => {
    const { send, handler, frames, end } = await side.connectRaw();
    send(...Array.from({ length: 61 }, () => ['89'] as const));
    await frames.atLeast(62);
    expect(frames.all.filter((each) => each.startsWith('8a'))).toHaveLength(61);
    expect(frames.all.at(-1)).toBe('88 03f0');
    end();
    expect((await handler.terminated).code).toBe(1008);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_TOO_MANY_CONTROL_FRAMES', limit: 60, observed: 61 });
  });
});

test('a header, a control frame or a message that stays cut is ended after 30 seconds', async () => {
  const clock = useFakeClock();
  const handlers: RecordingHandler[] = [];
  const { web } = await startLibraryServer(() => {
    handlers.push(new RecordingHandler());
    return handlers.at(-1)!;
  });
  const starts = ['81', '8985', '8984aabbccdd00', '0281aabbccdd00', '82fe0100aabbccdd0000'];
  for (const start of starts) {
    const client = await RawClient.open(web.HTTPPort);
    client.socket.write(Buffer.from(start, 'hex'));
  }
  await turns(50);
  await clock.advance(29_000);
  expect(handlers.map(({ names }) => names)).toEqual(starts.map(() => ['onOpen']));
  await clock.advance(1200);
  for (const handler of handlers) {
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_INCOMPLETE_MESSAGE', errCode: 1008, limit: 30_000 });
  }
});

test('a peer that has vanished is found out by the heartbeat, one that answers is not', async () => {
  const clock = useFakeClock();
  const handler = new RecordingHandler();
  const { web } = await startServerOf(handler);
  const client = await RawClient.open(web.HTTPPort);
  await handler.opened;
  await clock.advance(25_100);
  expect(await client.nextFrame()).toBe('89');
  client.send('8a');
  await turns(50);
  await clock.advance(25_100);
  expect(await client.nextFrame()).toBe('89');
  await clock.advance(20_100);
  expect((await handler.terminated).code).toBe(1006);
  expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_HEARTBEAT', errCode: 1006 });
});

test('names of Object.prototype in headers and queries are names like others', async () => {
  const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'];
  const seen: unknown[] = [];
  const { web } = await startLibraryServer((_, { request }) => {
    seen.push(names.map((name) => [request.headers[name.toLowerCase()], request.query[name]]));
    return new RecordingHandler();
  });
  const query = names.map((name) => `${name}=q`).join('&');
  await RawClient.open(web.HTTPPort, {
    path: `/?${query}`,
    headers: [...names.map((name) => `${name}: h`), `Sec-WebSocket-Extensions: ${names.join(', ')}; __proto__=1`],
  });
  expect(seen).toEqual([names.map(() => ['h', 'q'])]);
  expect(parseExtensions('constructor; __proto__=5')?.[0]?.name).toBe('constructor');
});

test('a header or subprotocol cannot be injected through the options', () => {
  for (const bad of ['a\r\nX-Evil: 1', 'a\n', 'a\rb', 'a\0b']) {
    expect(() => checkHeaders({ 'X-Fine': bad })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_HEADER' }));
    expect(() => checkHeaders({ [bad]: 'fine' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_HEADER' }));
    expect(() => checkClientOptions({ protocols: [bad] })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
  }
});

test('masking keys come from the random source: none is like another', () => {
  const keys = new Set(Array.from({ length: 10_000 }, () => nextMaskingKey()));
  // Of 2^32 keys, some 0.01 pairs in 10 000 are alike.
  expect(keys.size).toBeGreaterThan(9_995);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (payload) => {
      const { connection, output } = openConnection('client');
      connection.sendBinary(Buffer.from(payload));
      const key = output.bytes.subarray(2, 6).toString('hex');
      expect(maskByFormula(output.bytes.subarray(6), key)).toEqual(Buffer.from(payload));
    }),
    { numRuns: 50 },
  );
});

test('a reset in any part of the upgrade window ends one client, not the process', async () => {
  const { web } = await startLibraryServer(() => new Promise(() => {}), { handshakeTimeoutMs: 100 });
  for (let i = 0; i < 5; i++) {
    const client = await RawClient.request(web.HTTPPort);
    await turns(i);
    client.socket.resetAndDestroy();
    await client.closed;
  }
  const { status } = await (await RawClient.request(web.HTTPPort, { without: ['Upgrade'] })).answered;
  expect(status).toBeGreaterThan(0);
});
