import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { describeFrames, frame, hex, otherRole, ROLES } from '../helpers/frames.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { heldBytes } from '../helpers/memory.ts';
import { openConnection, peerFrames } from '../helpers/protocol-harness.ts';
import { RawClient } from '../helpers/raw-client.ts';
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

describe.each(sides)('uninitialised memory is never sent (ws CVE-2016-10518, CVE-2026-45736; $name)', (side) => {
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
    await handler.ended();
  });

  test('a number as a message, or a typed array as a close reason, sends no memory of that length', async () => {
    const { ws, peer, handler } = await side.connect();
    for (const size of [100, 1e6, 0, -1, NaN]) {
      expect(() => ws.send(size as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_MESSAGE' }));
    }
    const terminate = (): void => ws.terminate(4000, new Float32Array(20) as never);
    if (side.name === 'client') {
      expect(terminate).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CLOSE_ARGUMENT' }));
      ws.terminate(4000);
    } else terminate();
    expect(await peer.closed).toEqual({ code: 4000, reason: '' });
    expect(peer.messages.all).toEqual([]);
    await handler.ended();
  });
});

describe.each(ROLES)('hostile frames (%s)', (role) => {
  test('no default maximum, 64-bit overflow (ws CVE-2016-10542, undici CVE-2026-1528, gorilla CVE-2020-27813): a length is refused on the header, before memory is allocated', () => {
    const before = heldBytes();
    for (const length of [1_048_577n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n]) {
      const { connection, sink } = openConnection(role);
      connection.receive(frame(otherRole(role), '82', '', { length, lengthBytes: 8 }));
      expect(sink.errors.map(({ closeCode }) => closeCode)).toEqual([length < 2n ** 63n ? 1009 : 1002]);
    }
    expect(heldBytes() - before).toBeLessThan(1_000_000);
  });

  test.each([0, 1])(
    'fragments of %d bytes without end (ws CVE-2026-48779, undici CVE-2026-12151) take memory for their bytes only, and end at maxFragments',
    (bytes) => {
      const { connection, sink } = openConnection(role, { maxFragments: 50_000 });
      const before = heldBytes();
      const piece = '00'.repeat(bytes);
      connection.receive(peerFrames(role, `02 ${piece}`));
      for (let i = 1; i < 50_000; i++) connection.receive(frame(otherRole(role), '00', piece));
      expect(sink.errors).toEqual([]);
      expect(heldBytes() - before).toBeLessThan(1_000_000);
      connection.receive(frame(otherRole(role), '00', piece));
      expect(sink.errors[0]).toMatchObject({ code: 'ERR_TOO_MANY_FRAGMENTS', limit: 50_000, observed: 50_001 });
    },
  );

  test('a ping flood from a peer that does not read (ws 8.23.0) costs no memory, and the latest ping is answered', async () => {
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
    connection.onOutputWritable();
    expect(describeFrames(output.bytes, role)).toEqual([`8a ${'ab'.repeat(125)}`]);
    here.destroy();
    await peer.until(() => peer.events.includes('closed'));
  });

  test('an idle connection keeps no read buffer (ws 8.22.2)', () => {
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
    // With the real clock, a slow machine would spread the pings over more than a second.
    useFakeClock();
    const { send, handler, frames, end } = await side.connectRaw();
    send(...Array.from({ length: 61 }, () => ['89'] as const));
    await frames.atLeast(62);
    expect(frames.all.filter((each) => each.startsWith('8a'))).toHaveLength(61);
    expect(frames.all.at(-1)).toBe('88 03f0');
    end();
    expect((await handler.ended()).code).toBe(1008);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_TOO_MANY_CONTROL_FRAMES', limit: 60, observed: 61 });
  });
});

test('an incomplete header, control frame or message ends the connection after 30 seconds', async () => {
  const clock = useFakeClock();
  const handlers: RecordingHandler<unknown>[] = [];
  const { web } = await startLibraryServer(() => {
    handlers.push(recordingHandler());
    return handlers.at(-1)!;
  });
  const starts = ['81', '8985', '8984aabbccdd00', '0281aabbccdd00', '82fe0100aabbccdd0000'];
  for (const start of starts) {
    const client = await RawClient.open(web.HTTPPort);
    client.socket.write(Buffer.from(start, 'hex'));
  }
  await turns(50);
  await clock.advance(29_000);
  expect(handlers.map(({ callbacks }) => callbacks)).toEqual(starts.map(() => ['onOpen']));
  await clock.advance(1200);
  for (const handler of handlers) {
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_INCOMPLETE_MESSAGE', errCode: 1008, limit: 30_000 });
  }
});

test('the heartbeat ends a connection whose peer has vanished, and not one whose peer answers', async () => {
  const clock = useFakeClock();
  const handler = recordingHandler();
  const { web } = await startServerOf(handler);
  const client = await RawClient.open(web.HTTPPort);
  await handler.opened();
  await clock.advance(25_100);
  expect(await client.nextFrame()).toBe('89');
  client.send('8a');
  await turns(50);
  await clock.advance(25_100);
  expect(await client.nextFrame()).toBe('89');
  await clock.advance(20_100);
  expect((await handler.ended()).code).toBe(1006);
  expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_HEARTBEAT', errCode: 1006 });
});
