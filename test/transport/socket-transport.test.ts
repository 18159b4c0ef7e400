import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { ignoreErrors, keepUntilClosed, SocketTransport } from '../../src/transport/socket-transport.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

/** A socket without a network: a test decides when bytes "arrive" by calling push(). */
class FakeSocket extends Duplex {
  readonly written: string[] = [];
  /** Whether writes wait for {@link finishWrite}. */
  isSlow = false;
  #done: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk.toString());
    this.#done = done;
    if (!this.isSlow) this.finishWrite();
  }

  finishWrite(): void {
    this.#done?.();
  }
}

function openFake(): { socket: FakeSocket; transport: SocketTransport; heard: RecordingListener } {
  const socket = new FakeSocket({ highWaterMark: 1000 });
  const transport = new SocketTransport(socket);
  return { socket, transport, heard: RecordingListener.on(transport, { reads: false }) };
}

describe('a reset', () => {
  test('by the peer closes the transport with ECONNRESET', async () => {
    const [client, server] = await socketPairs.tcp();
    const [, transport] = toTransports([client, server]);
    const heard = RecordingListener.on(transport);
    client.resetAndDestroy();
    await heard.until(() => heard.events.includes('closed'));
    await turns();
    expect(heard.events).toEqual(['closed']);
    expect(heard.error).toMatchObject({ code: 'ECONNRESET' });
  });

  test('by reset() of this end closes the peer with ECONNRESET', async () => {
    const [client, server] = toTransports(await socketPairs.tcp());
    const heard = RecordingListener.on(server);
    const own = RecordingListener.on(client);
    client.reset();
    await Promise.all([heard, own].map((each) => each.until(() => each.events.includes('closed'))));
    await turns();
    expect([heard.events, own.events]).toEqual([['closed'], ['closed']]);
    expect([heard.error, own.error]).toMatchObject([{ code: 'ECONNRESET' }, undefined]);
  });

  test('before the transport was created is reported after start()', async () => {
    const [client, server] = await socketPairs.tcp();
    const isClosed = new Promise((resolve) => {
      server.on('close', resolve);
    });
    // Node notices the reset only while somebody reads.
    server.resume();
    client.resetAndDestroy();
    await isClosed;
    const heard = RecordingListener.on(new SocketTransport(server));
    await heard.until(() => heard.events.includes('closed'));
    expect(heard.error).toMatchObject({ code: 'ECONNRESET' });
  });

  test('between construction and start() does not end the process', async () => {
    const { socket } = openFake();
    const transport = new SocketTransport(socket);
    const error = new Error('reset');
    socket.destroy(error);
    await turns();
    const heard = RecordingListener.on(transport);
    await heard.until(() => heard.events.includes('closed'));
    expect(heard.error).toBe(error);
  });
});

describe('bytes that Node has already read', () => {
  test('are not followed by the end while the listener pauses at the last bytes', async () => {
    const { socket, transport, heard } = openFake();
    socket.push('last bytes');
    socket.push(null);
    heard.onEvent = (event) => {
      if (event === 'bytes') transport.pause();
    };
    transport.resume();
    await heard.until(() => heard.byteCount > 0);
    await turns();
    expect(heard.events).toEqual([]);
    transport.resume();
    expect(heard.events).toEqual([]);
    await heard.until(() => heard.events.length > 0);
    await turns();
    expect(heard.events).toEqual(['end']);
  });

  test('are followed by the end after a resume() that pause() revoked at once', async () => {
    const { socket, transport, heard } = openFake();
    socket.push('last bytes');
    socket.push(null);
    heard.onEvent = (event) => {
      if (event === 'bytes') transport.pause();
    };
    transport.resume();
    await heard.until(() => heard.byteCount > 0);
    await turns();
    transport.resume();
    transport.pause();
    await turns();
    expect(heard.events).toEqual([]);
    transport.resume();
    await heard.until(() => heard.events.length > 0);
    await turns();
    expect(heard.events).toEqual(['end']);
  });

  test('are followed by the end also when Node emitted it before start()', async () => {
    const socket = new FakeSocket();
    const transport = new SocketTransport(socket);
    // node:net does the same when the peer ends its side and no bytes are queued.
    socket.push(null);
    socket.read(0);
    await turns();
    expect(socket.readableEnded).toBe(true);
    const heard = RecordingListener.on(transport, { reads: false });
    await turns();
    expect(heard.events).toEqual([]);
    transport.resume();
    await heard.until(() => heard.events.length > 0);
    await turns();
    expect(heard.events).toEqual(['end']);
  });

  test('are dropped by destroy()', async () => {
    const { socket, transport, heard } = openFake();
    for (const text of ['one', 'two', 'three']) socket.push(text);
    socket.push(null);
    heard.onEvent = (event) => {
      if (event === 'bytes') transport.destroy();
    };
    transport.resume();
    await heard.until(() => heard.events.includes('closed'));
    await turns();
    expect(heard.chunks.map(String)).toEqual(['one']);
    expect(heard.events).toEqual(['closed']);
  });
});

describe('write()', () => {
  test('does not block above the high-water mark when all bytes leave at once', () => {
    const { socket, transport } = openFake();
    const text = 'x'.repeat(5000);
    transport.write([Buffer.from('header '), Buffer.from(text)]);
    // Node set writableNeedDrain because it counts corked pieces.
    expect(socket.writableNeedDrain).toBe(true);
    expect([transport.isBlocked, transport.bufferedBytes]).toEqual([false, 0]);
    expect(socket.written).toEqual(['header ', text]);
  });

  test('holds the memory while a write is pending', async () => {
    const { socket, transport, heard } = openFake();
    socket.isSlow = true;
    transport.write([Buffer.from('one')]);
    transport.write([Buffer.alloc(2000, 'x')]);
    // The stream is no socket: nobody knows when it is done with the memory.
    expect(transport.writtenMemory).toBe('kept');
    expect([transport.isBlocked, transport.bufferedBytes]).toEqual([true, 2003]);
    socket.finishWrite();
    expect([transport.isBlocked, transport.bufferedBytes]).toEqual([true, 2000]);
    socket.finishWrite();
    await turns(1);
    expect([transport.isBlocked, transport.bufferedBytes]).toEqual([false, 0]);
    expect(heard.events).toEqual(['drain']);
  });

  test('holds the memory over TLS, where bytes leave in a later turn', async () => {
    const [left, right] = toTransports(await socketPairs.tls());
    RecordingListener.on(left);
    const heard = RecordingListener.on(right);
    const bytes = Buffer.from('hello');
    left.write([bytes]);
    expect([left.writtenMemory, left.bufferedBytes]).toEqual(['in use', 5]);
    await heard.until(() => heard.byteCount === 5);
    await turns();
    expect([left.writtenMemory, left.bufferedBytes]).toEqual(['free', 0]);
  });
});

test('a socket that is destroyed keeps the memory of a pending write', async () => {
  const [left] = toTransports(await socketPairs.tcp());
  RecordingListener.on(left);
  // The other side does not read, so the kernel cannot take all of it.
  left.write([Buffer.alloc(20_000_000)]);
  expect(left.writtenMemory).toBe('in use');
  left.destroy();
  await turns();
  expect(left.writtenMemory).toBe('kept');
});

test('start() sets noDelay and allowHalfOpen, and clears the timeout', () => {
  const socket = new Socket({ allowHalfOpen: false });
  const setNoDelay = vi.spyOn(socket, 'setNoDelay');
  socket.setTimeout(1000);
  RecordingListener.on(new SocketTransport(socket));
  expect([socket.timeout, socket.allowHalfOpen]).toEqual([0, true]);
  expect(setNoDelay).toHaveBeenCalledWith(true);
  socket.destroy();
});

test('a duplex stream that is not a socket works as well', async () => {
  const { socket, transport, heard } = openFake();
  transport.write([Buffer.from('out')]);
  socket.push('in');
  transport.resume();
  await heard.until(() => heard.byteCount > 0);
  transport.reset();
  await heard.until(() => heard.events.includes('closed'));
  expect([socket.written, heard.bytes.toString(), heard.error]).toEqual([['out'], 'in', undefined]);
});

test('sockets share their listeners', () => {
  const [one, two] = [openFake().socket, openFake().socket];
  for (const event of ['data', 'drain', 'end', 'error', 'close']) {
    expect(one.listeners(event).length).toBeGreaterThan(0);
    expect(one.listeners(event).at(-1)).toBe(two.listeners(event).at(-1));
  }
});

test('start() adds no second listener for error and close after ignoreErrors() and keepUntilClosed()', async () => {
  const [client, server] = await socketPairs.tcp();
  const sockets = new Set<Socket>();
  ignoreErrors(server);
  keepUntilClosed(server, sockets);
  const counts = ['error', 'close'].map((event) => server.listenerCount(event));
  const heard = RecordingListener.on(new SocketTransport(server));
  expect(['error', 'close'].map((event) => server.listenerCount(event))).toEqual(counts);
  expect([...sockets]).toEqual([server]);
  client.resetAndDestroy();
  await heard.until(() => heard.events.includes('closed'));
  expect(heard.error).toMatchObject({ code: 'ECONNRESET' });
  expect(sockets.size).toBe(0);
});

test('keepUntilClosed() keeps a socket without a transport until it is closed', async () => {
  const [client, server] = await socketPairs.tcp();
  const sockets = new Set<Socket>();
  keepUntilClosed(server, sockets);
  expect([...sockets]).toEqual([server]);
  client.destroy();
  server.destroy();
  await turns();
  expect(sockets.size).toBe(0);
});

test('ignoreErrors() keeps emit() from throwing an error', () => {
  const emitter = new EventEmitter();
  expect(() => emitter.emit('error', new Error('reset'))).toThrow('reset');
  ignoreErrors(emitter);
  ignoreErrors(emitter);
  expect(emitter.emit('error', new Error('reset'))).toBe(true);
  expect(emitter.listenerCount('error')).toBe(1);
});

describe('a chunk that Node has read of a socket', () => {
  test.each([
    ['bypasses the queue of the stream', true],
    ['goes through the queue where Node does not call push()', false],
  ])('%s', async (_, isOffered) => {
    const [client, server] = await socketPairs.tcp();
    const [, transport] = toTransports([client, server]);
    const heard = RecordingListener.on(transport);
    let dataEvents = 0;
    server.on('data', () => dataEvents++);
    if (!isOffered) delete (server as Partial<Socket>).push;
    client.write('hello');
    await heard.until(() => heard.bytes.toString() === 'hello');
    expect(dataEvents).toBe(isOffered ? 0 : 1);
    transport.destroy();
    client.destroy();
    await heard.until(() => heard.events.includes('closed'));
  });

  test('keeps its place when pauses send other chunks through the queue', async () => {
    const [client, server] = await socketPairs.tcp();
    const [, transport] = toTransports([client, server]);
    const heard = RecordingListener.on(transport);
    const expected = Array.from({ length: 200 }, (_, i) => `<${i}>`.padEnd(5000, '.')).join('');
    let chunks = 0;
    heard.onEvent = () => {
      if (++chunks % 2 === 1) return;
      transport.pause();
      setImmediate(() => setImmediate(() => transport.resume()));
    };
    client.end(expected);
    await heard.until(() => heard.events.includes('end'));
    expect(heard.bytes.toString() === expected).toBe(true);
    expect(chunks).toBeGreaterThan(4);
    transport.end();
    await heard.until(() => heard.events.includes('closed'));
  });
});
