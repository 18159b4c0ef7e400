import { connect, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FourDError } from '../../src/errors.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { Connection, type ConnectionOptions } from '../../src/connection/connection.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import { ignoreErrors, SocketTransport } from '../../src/transport/socket-transport.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { FakeCompression } from '../helpers/fake-compression.ts';
import { describeFrames, frame, otherRole, ROLES } from '../helpers/frames.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { describeBytes, RecordingConnectionListener } from '../helpers/recording-connection-listener.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { listen, type SocketPair, socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';
import type { TestClock } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

const CLOSE_TIMEOUT_MS = 10_000;
const MAX_BUFFERED_BYTES = 1_048_576;
const CLOSE_1000 = '03e8';
const HELLO = '48656c6c6f';
const NO_HEAD = Buffer.alloc(0);

afterEach(() => expectNoDeadlines());
afterAll(() => expectNoOpenSockets());

interface StartedConnection {
  readonly connection: Connection;
  readonly heard: RecordingConnectionListener;
}

function startConnection(
  role: Role,
  transport: Transport,
  { head = NO_HEAD, ...options }: Partial<ConnectionOptions> & { readonly head?: Buffer } = {},
): StartedConnection {
  const heard = new RecordingConnectionListener();
  const connection = new Connection(transport, head, {
    role,
    decodesText: true,
    maxMessageBytes: 1_048_576,
    maxFragments: 1024,
    // peer-monitor.test.ts tests the heartbeat.
    pingIntervalMs: Infinity,
    pongTimeoutMs: 20_000,
    incompleteMessageTimeoutMs: 30_000,
    maxControlFramesPerSecond: Infinity,
    maxMessagesPerSecond: Infinity,
    maxBytesPerSecond: Infinity,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    bufferPolicy: 'close',
    ...options,
  });
  connection.start(heard);
  return { connection, heard };
}

/** The other end of the connection, which sends frames written by hand. */
class Peer {
  readonly transport: Transport;
  readonly heard: RecordingListener;
  readonly #role: Role;

  constructor(role: Role, transport: Transport, { reads = true }: { readonly reads?: boolean } = {}) {
    this.#role = role;
    this.transport = transport;
    this.heard = RecordingListener.on(transport, { reads });
  }

  /** Sends frames: `['81 48656c6c6f', '89']`, first byte and payload as hex. */
  send(...frames: string[]): void {
    this.transport.write([this.frames(...frames)]);
  }

  frames(...frames: string[]): Buffer {
    return Buffer.concat(frames.map((text) => frame(this.#role, text.slice(0, 2), text.slice(3))));
  }

  /** The frames received, in the form that {@link send} takes. */
  get received(): string[] {
    return describeFrames(this.heard.bytes, otherRole(this.#role));
  }

  async until(count: number): Promise<void> {
    await this.heard.until(() => this.received.length >= count);
  }

  async untilClosed(): Promise<void> {
    await this.heard.until(() => this.heard.events.includes('closed'));
  }
}

/** Starts a connection that reads, and its peer, without a network. */
function open(
  role: Role,
  options: Parameters<typeof startConnection>[2] = {},
): StartedConnection & { readonly peer: Peer } {
  const [here, there] = MemoryTransport.pair();
  const started = startConnection(role, here, options);
  started.connection.resume();
  return { ...started, peer: new Peer(otherRole(role), there) };
}

/** Starts a connection that reads over TCP, and returns the socket of its peer. */
async function openOverTcp(
  role: Role,
  options: Parameters<typeof startConnection>[2] = {},
): Promise<StartedConnection & { readonly socket: Socket }> {
  const [client, server]: SocketPair = await socketPairs.tcp();
  const started = startConnection(role, new SocketTransport(role === 'client' ? client : server), options);
  started.connection.resume();
  return { ...started, socket: role === 'client' ? server : client };
}

let clock: TestClock;

/** Expects `ending` after `ms`, by the {@link clock}: lets a little less than `ms` pass, then a little more. */
async function expectEndAfter(ms: number, heard: RecordingConnectionListener, ending: string[]): Promise<void> {
  await clock.advance(ms - 1);
  expect(heard.events.at(-1) ?? '').not.toMatch(/^terminated/);
  await clock.advance(51);
  await heard.untilTerminated();
  expect(heard.ending).toEqual(ending);
}

describe.each(ROLES)('%s', (role) => {
  describe('messages', () => {
    test('go both ways in order', async () => {
      const { connection, heard, peer } = open(role);
      connection.send('Hello');
      connection.send(Buffer.of(1, 2));
      peer.send(`81 ${HELLO}`, '82 0102');
      await peer.until(2);
      expect(peer.received).toEqual([`81 ${HELLO}`, '82 0102']);
      expect(heard.events).toEqual(['text Hello', 'bytes 0102']);
      connection.destroy();
      await heard.untilTerminated();
    });

    test('sent in one turn leave in one write', async () => {
      const { connection, heard, peer } = open(role);
      for (let i = 0; i < 50; i++) connection.send(`message ${i}`);
      await peer.until(50);
      expect(peer.heard.chunks).toHaveLength(1);
      connection.destroy();
      await heard.untilTerminated();
    });

    test('leave in one write behind the answer to the handshake', async () => {
      const { connection, heard, peer } = open(role);
      connection.writeHead('HTTP/1.1 101\r\n\r\n');
      connection.send('Hello');
      await peer.heard.until(() => peer.heard.byteCount > 0);
      expect(peer.heard.chunks).toHaveLength(1);
      expect(peer.heard.bytes.subarray(0, 16).toString('latin1')).toBe('HTTP/1.1 101\r\n\r\n');
      expect(describeFrames(peer.heard.bytes.subarray(16), role)).toEqual([`81 ${HELLO}`]);
      connection.destroy();
      await heard.untilTerminated();
    });

    test('that came with the handshake are reported first, on resume()', async () => {
      const [here, there] = MemoryTransport.pair();
      const peer = new Peer(otherRole(role), there);
      const head = peer.frames('81 61', '81 62');
      const { connection, heard } = startConnection(role, here, {
        head: Buffer.concat([head, peer.frames('81 6363').subarray(0, 3)]),
      });
      there.write([peer.frames('81 6363').subarray(3), peer.frames('81 64')]);
      await turns();
      expect(heard.events).toEqual([]);
      connection.resume();
      await heard.until(() => heard.events.length === 4);
      expect(heard.events).toEqual(['text a', 'text b', 'text cc', 'text d']);
      connection.destroy();
      await heard.untilTerminated();
    });

    test('that came with the handshake stop on pause()', async () => {
      const [here, there] = MemoryTransport.pair();
      const peer = new Peer(otherRole(role), there);
      const { connection, heard } = startConnection(role, here, { head: peer.frames('81 61', '81 62') });
      peer.send('81 63');
      heard.onEvent = () => connection.pause();
      for (const events of [['text a'], ['text a', 'text b'], ['text a', 'text b', 'text c']]) {
        connection.resume();
        await heard.until(() => heard.events.length === events.length);
        await turns();
        expect(heard.events).toEqual(events);
      }
      connection.destroy();
      await heard.untilTerminated();
    });
  });

  describe('a clean close', () => {
    test('begun here ends once the peer has answered and TCP has ended', async () => {
      const { connection, heard, peer } = open(role);
      connection.send('Hello');
      connection.close(1000, 'bye', CLOSE_TIMEOUT_MS);
      await peer.until(2);
      expect(peer.received).toEqual([`81 ${HELLO}`, `88 ${CLOSE_1000}627965`]);
      expect(heard.events).toEqual([]);
      peer.send(`88 ${CLOSE_1000}`);
      await turns();
      // RFC 6455 section 7.1.1: the server ends TCP first.
      expect(peer.heard.events).toEqual(role === 'server' ? ['end'] : []);
      expect(heard.events).toEqual(['closing']);
      peer.transport.end();
      await heard.untilTerminated();
      await peer.untilClosed();
      expect(heard.events).toEqual(['closing', 'terminated 1000 clean']);
    });

    test('begun by the peer is answered with the code of the peer', async () => {
      const { heard, peer } = open(role);
      peer.send(`81 ${HELLO}`, '88 0fa16b69636b6564', '81 6c617465');
      await peer.until(1);
      await turns();
      expect(peer.received).toEqual(['88 0fa1']);
      expect(peer.heard.events).toEqual(role === 'server' ? ['end'] : []);
      peer.transport.end();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['text Hello', 'closing', 'terminated 4001 "kicked" clean']);
    });

    test('without a code ends with 1005', async () => {
      const { heard, peer } = open(role);
      peer.send('88');
      peer.transport.end();
      await heard.untilTerminated();
      expect(peer.received).toEqual(['88']);
      expect(heard.events).toEqual(['closing', 'terminated 1005 clean']);
    });

    test('begun by both sides ends with the code of the other side', async () => {
      const [here, there] = MemoryTransport.pair();
      const one = startConnection(role, here);
      const two = startConnection(otherRole(role), there);
      one.connection.resume();
      two.connection.resume();
      one.connection.close(3001, 'one', CLOSE_TIMEOUT_MS);
      two.connection.close(3002, 'two', CLOSE_TIMEOUT_MS);
      await Promise.all([one.heard.untilTerminated(), two.heard.untilTerminated()]);
      expect(one.heard.events).toEqual(['closing', 'terminated 3002 "two" clean']);
      expect(two.heard.events).toEqual(['closing', 'terminated 3001 "one" clean']);
    });

    test('reports no message that comes after close()', async () => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      connection.send('never sent');
      peer.send(`81 ${HELLO}`, '82 01', `88 ${CLOSE_1000}`);
      peer.transport.end();
      await heard.untilTerminated();
      await peer.until(1);
      expect(peer.received).toEqual([`88 ${CLOSE_1000}`]);
      expect(heard.events).toEqual(['closing', 'terminated 1000 clean']);
    });

    test('is answered over TCP although the peer ends its side at once', async () => {
      const { heard, socket } = await openOverTcp(role);
      const peer = new Peer(otherRole(role), new SocketTransport(socket));
      peer.send(`88 ${CLOSE_1000}`);
      peer.transport.end();
      await heard.untilTerminated();
      await peer.untilClosed();
      expect(peer.received).toEqual([`88 ${CLOSE_1000}`]);
      expect(peer.heard.error).toBeUndefined();
      expect(heard.events).toEqual(['closing', 'terminated 1000 clean']);
    });
  });

  describe('a peer that vanishes', () => {
    test('by ending TCP without a close frame is an error', async () => {
      const { heard, peer } = open(role);
      peer.send(`81 ${HELLO}`);
      peer.transport.end();
      await heard.untilTerminated();
      await peer.untilClosed();
      expect(heard.events).toEqual([
        'text Hello',
        'closing',
        'error ERR_CONNECTION_LOST 1006',
        'terminated 1006 unclean',
      ]);
      expect(heard.errors[0]).toMatchObject({
        componentSignature: role === 'server' ? 'HTTP' : 'HTCL',
        side: 'remote',
      });
    });

    test('by ending TCP instead of answering a close frame is an error', async () => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      await peer.until(1);
      peer.transport.end();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['closing', 'error ERR_CONNECTION_LOST 1006', 'terminated 1006 unclean']);
    });

    test('by a reset is an error with the cause ECONNRESET', async () => {
      const { heard, socket } = await openOverTcp(role);
      socket.resetAndDestroy();
      await heard.untilTerminated();
      await turns();
      expect(heard.events).toEqual(['closing', 'error ERR_CONNECTION_LOST 1006', 'terminated 1006 unclean']);
      expect(heard.errors[0]!.cause).toMatchObject({ code: 'ECONNRESET' });
    });

    test('by a reset after the close frames is no error', async () => {
      const { heard, socket } = await openOverTcp(role);
      const peer = new Peer(otherRole(role), new SocketTransport(socket));
      peer.send(`88 ${CLOSE_1000}`);
      await peer.until(1);
      socket.resetAndDestroy();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['closing', 'terminated 1000 clean']);
    });

    test.each(['an end', 'a reset'])('by %s of TCP without an end of TLS is an error', async (how) => {
      const certificate = makeCertificate();
      const accepted = createDeferred<Socket>();
      const server = createTlsServer(certificate, (socket) => accepted.resolve(socket));
      const raw = connect({ host: '127.0.0.1', port: await listen(server) });
      const client = connectTls({ socket: raw, host: '127.0.0.1', ca: certificate.cert });
      ignoreErrors(raw);
      ignoreErrors(client);
      const { connection, heard } = startConnection(role, new SocketTransport(await accepted.promise));
      connection.resume();
      connection.send('Hello');
      await new Promise((resolve) => {
        client.once('data', resolve);
      });
      if (how === 'an end') raw.destroy();
      else raw.resetAndDestroy();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['closing', 'error ERR_CONNECTION_LOST 1006', 'terminated 1006 unclean']);
    });

    test('before the connection was created is an error', async () => {
      const [here, there] = MemoryTransport.pair();
      there.destroy();
      await turns();
      const { connection, heard } = startConnection(role, here);
      expect(heard.events).toEqual([]);
      connection.resume();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['closing', 'error ERR_CONNECTION_LOST 1006', 'terminated 1006 unclean']);
    });
  });

  describe('a failure', () => {
    test('of the protocol sends the close code, then ends TCP', async () => {
      const { heard, peer } = open(role);
      peer.send(`81 ${HELLO}`, '81 ff', `81 ${HELLO}`);
      await peer.heard.until(() => peer.heard.events.includes('end'));
      expect(peer.received).toEqual(['88 03ef']);
      expect(heard.events).toEqual(['text Hello', 'closing', 'error ERR_INVALID_UTF8 1007']);
      peer.transport.end();
      await heard.untilTerminated();
      expect(heard.ending).toEqual(['closing', 'error ERR_INVALID_UTF8 1007', 'terminated 1007 unclean']);
    });

    test('of the protocol reaches a peer that keeps sending megabytes', async () => {
      const { heard, socket } = await openOverTcp(role);
      const peer = new Peer(otherRole(role), new SocketTransport(socket));
      const mebibyte = Buffer.alloc(1_048_576, 0xff);
      peer.send('83 00');
      for (let i = 0; i < 20; i++) {
        peer.transport.write([mebibyte]);
        await turns(2);
      }
      await peer.heard.until(() => peer.heard.events.includes('end'));
      expect(peer.received).toEqual(['88 03ea']);
      await peer.heard.until(() => !peer.transport.isBlocked);
      peer.transport.end();
      await heard.untilTerminated();
      await peer.untilClosed();
      expect(peer.heard.error).toBeUndefined();
      expect(heard.events).toEqual(['closing', 'error ERR_RESERVED_OPCODE 1002', 'terminated 1002 unclean']);
    });

    test('found above the protocol is reported once', async () => {
      const { connection, heard, peer } = open(role);
      const error = new FourDError('ERR_CALLBACK_FAILED', 'onMessage failed: the details stay here');
      expect(connection.fail(error)).toBe(true);
      expect(connection.fail(error)).toBe(false);
      expect(heard.events).toEqual(['closing', 'error ERR_CALLBACK_FAILED 1011']);
      await peer.until(1);
      expect(peer.received).toEqual(['88 03f3']);
      peer.send(`81 ${HELLO}`, `88 ${CLOSE_1000}`);
      peer.transport.end();
      await heard.untilTerminated();
      expect(connection.fail(error)).toBe(false);
      expect(heard.events).toEqual(['closing', 'error ERR_CALLBACK_FAILED 1011', 'terminated 1011 unclean']);
      expect(heard.errors).toEqual([error]);
    });

    test('within onMessage leaves later messages unreported', async () => {
      const { connection, heard, peer } = open(role);
      heard.onEvent = (event) => {
        if (event === 'text Hello') connection.fail(new FourDError('ERR_INVALID_JSON', 'not JSON'));
      };
      peer.send(`81 ${HELLO}`, '81 6c617465');
      await peer.until(1);
      peer.transport.end();
      await heard.untilTerminated();
      expect(peer.received).toEqual(['88 03ef']);
      expect(heard.events).toEqual(['text Hello', 'closing', 'error ERR_INVALID_JSON 1007', 'terminated 1007 unclean']);
    });

    test('after close() is still an error', async () => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      peer.send('83 00');
      await peer.heard.until(() => peer.heard.events.includes('end'));
      peer.transport.end();
      await heard.untilTerminated();
      expect(peer.received).toEqual([`88 ${CLOSE_1000}`]);
      expect(heard.events).toEqual(['closing', 'error ERR_RESERVED_OPCODE 1002', 'terminated 1002 unclean']);
    });
  });

  describe('destroy()', () => {
    test('ends the connection without an error and without a close frame', async () => {
      const { connection, heard, peer } = open(role);
      connection.send('lost');
      connection.destroy();
      connection.destroy();
      expect(heard.events).toEqual([]);
      await heard.untilTerminated();
      await peer.untilClosed();
      expect(peer.received).toEqual([]);
      expect(heard.events).toEqual(['terminated 1006 unclean']);
    });

    test.each(['text Hello', 'closing', 'error ERR_RESERVED_OPCODE 1002'])(
      'within "%s" stops further messages',
      async (moment) => {
        const { connection, heard, peer } = open(role);
        heard.onEvent = (event) => {
          if (event === moment) connection.destroy();
        };
        peer.send(`81 ${HELLO}`, '81 6c617465', '83 00');
        await heard.untilTerminated();
        await turns();
        const before = ['text Hello', 'text late', 'closing', 'error ERR_RESERVED_OPCODE 1002'];
        const expected = moment === 'text Hello' ? ['text Hello'] : before;
        expect(heard.events.slice(0, -1)).toEqual(expected);
        expect(heard.events.at(-1)).toMatch(/^terminated .* unclean$/);
      },
    );

    test('after close() does not wait for the peer', async () => {
      const { connection, heard } = open(role);
      connection.close(1000, '', Infinity);
      connection.destroy();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['terminated 1006 unclean']);
    });

    test('reports its own cause, unless the peer has closed', async () => {
      const alone = open(role);
      alone.connection.destroy();
      alone.connection.destroy('shutdown');
      const closing = open(role);
      closing.connection.close(1000, '', Infinity, 'drain');
      closing.connection.destroy('shutdown');
      const closed = open(role);
      closed.heard.onEvent = (event) => {
        if (event === 'closing') closed.connection.destroy('shutdown');
      };
      closed.peer.send('88 03e8');
      const heard = [alone.heard, closing.heard, closed.heard];
      await Promise.all(heard.map((each) => each.untilTerminated()));
      expect(heard.map(({ terminatedWith: end }) => `${end?.cause} ${end?.phase} ${end?.code}`)).toEqual([
        'local open 1006',
        'shutdown closing 1006',
        'peer-closed open 1000',
      ]);
    });
  });

  describe('cut()', () => {
    test('ends a connection that is closing, without an error, behind what was sent in this turn', async () => {
      const { connection, heard, socket } = await openOverTcp(role);
      const received: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      connection.send('Hello');
      connection.close(1000, '', Infinity, 'drain');
      connection.cut('shutdown');
      connection.cut('worker');
      expect(heard.events).toEqual([]);
      await heard.untilTerminated();
      expect(heard.events).toEqual(['terminated 1006 unclean']);
      expect(heard.terminatedWith).toMatchObject({ cause: 'shutdown', phase: 'closing' });
      await new Promise((resolve) => socket.on('end', resolve));
      expect(describeFrames(Buffer.concat(received), role)).toEqual([`81 ${HELLO}`, `88 ${CLOSE_1000}`]);
      socket.destroy();
    });

    test('keeps the code of a close frame that has come, and the answer to it', async () => {
      const { connection, heard, socket } = await openOverTcp(role);
      const received: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      heard.onEvent = (event) => {
        if (event === 'closing') connection.cut('shutdown');
      };
      socket.write(frame(otherRole(role), '88', '0fa0'));
      await heard.untilTerminated();
      expect(heard.terminatedWith).toMatchObject({ code: 4000, wasClean: true, cause: 'peer-closed' });
      await new Promise((resolve) => socket.on('end', resolve));
      expect(describeFrames(Buffer.concat(received), role)).toEqual(['88 0fa0']);
      socket.destroy();
    });

    test('after destroy() has no effect', async () => {
      const { connection, heard, peer } = open(role);
      connection.send('lost');
      connection.destroy();
      connection.cut('shutdown');
      await heard.untilTerminated();
      expect(heard.terminatedWith).toMatchObject({ cause: 'local', bytesSent: 0 });
      expect(peer.received).toEqual([]);
    });
  });

  test('after the end no call throws and no event is reported', async () => {
    const { connection, heard, peer } = open(role);
    connection.destroy();
    await heard.untilTerminated();
    connection.send('late');
    connection.send(Buffer.alloc(100_000));
    connection.pause();
    connection.resume();
    connection.close(1000, '', 50);
    connection.destroy();
    connection.cut('shutdown');
    expect(connection.fail(new FourDError('ERR_INVALID_JSON', 'late'))).toBe(false);
    await turns();
    expect(connection.bufferedBytes).toBe(0);
    expect(peer.heard.chunks).toEqual([]);
    expect(heard.events).toEqual(['terminated 1006 unclean']);
  });

  describe('pause()', () => {
    test('holds messages back in the middle of a chunk', async () => {
      const { connection, heard, peer } = open(role);
      heard.onEvent = (event) => {
        if (event === 'text a') connection.pause();
      };
      peer.send('81 61', '81 62', '81 63');
      await heard.until(() => heard.events.length > 0);
      peer.send('81 64');
      await turns();
      expect(heard.events).toEqual(['text a']);
      connection.resume();
      expect(heard.events).toEqual(['text a', 'text b', 'text c']);
      await heard.until(() => heard.events.length === 4);
      expect(heard.events.at(-1)).toBe('text d');
      connection.destroy();
      await heard.untilTerminated();
    });

    test('and resume() within onMessage change nothing', async () => {
      const { connection, heard, peer } = open(role);
      heard.onEvent = () => {
        connection.pause();
        connection.resume();
      };
      peer.send('81 61', '81 62', '81 63');
      await heard.until(() => heard.events.length === 3);
      expect(heard.events).toEqual(['text a', 'text b', 'text c']);
      connection.destroy();
      await heard.untilTerminated();
    });

    test('delays the end until the messages are reported', async () => {
      const { heard, connection, socket } = await openOverTcp(role);
      const peer = new Peer(otherRole(role), new SocketTransport(socket));
      heard.onEvent = (event) => {
        if (event.startsWith('text')) connection.pause();
      };
      connection.pause();
      peer.send('81 61', '81 62', '81 63', `88 ${CLOSE_1000}`);
      peer.transport.end();
      await turns();
      for (let count = 1; count <= 3; count++) {
        connection.resume();
        await heard.until(() => heard.events.length === count);
        await turns();
        expect(heard.events).toHaveLength(count);
      }
      connection.resume();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['text a', 'text b', 'text c', 'closing', 'terminated 1000 clean']);
    });

    test('does not stop close() from ending the connection', async () => {
      const { connection, heard, peer } = open(role);
      connection.pause();
      peer.send(`81 ${HELLO}`, `88 ${CLOSE_1000}`);
      peer.transport.end();
      await turns();
      connection.close(4000, '', CLOSE_TIMEOUT_MS);
      connection.pause();
      expect(heard.events).toEqual([]);
      await heard.untilTerminated();
      expect(peer.received).toEqual(['88 0fa0']);
      expect(heard.events).toEqual(['closing', 'terminated 1000 clean']);
    });

    test('does not stop fail() from ending the connection', async () => {
      const { connection, heard, peer } = open(role);
      connection.pause();
      peer.send(`81 ${HELLO}`);
      connection.fail(new FourDError('ERR_CALLBACK_FAILED', 'failed'));
      connection.pause();
      await peer.until(1);
      peer.transport.end();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['closing', 'error ERR_CALLBACK_FAILED 1011', 'terminated 1011 unclean']);
    });

    test('after the peer has closed has no effect', async () => {
      const { connection, heard, peer } = open(role);
      heard.onEvent = () => connection.pause();
      peer.send(`88 ${CLOSE_1000}`);
      await peer.until(1);
      connection.pause();
      peer.transport.end();
      await heard.untilTerminated();
      expect(heard.events).toEqual(['closing', 'terminated 1000 clean']);
    });
  });

  test('close() before the first resume() ends the connection without reporting a message', async () => {
    const [here, there] = MemoryTransport.pair();
    const peer = new Peer(otherRole(role), there);
    const { connection, heard } = startConnection(role, here, {
      head: peer.frames('81 61', '81 62', `88 ${CLOSE_1000}`),
    });
    connection.close(1000, '', CLOSE_TIMEOUT_MS);
    // close() itself reports nothing, although the bytes of the peer have come already.
    expect(heard.events).toEqual([]);
    await peer.until(1);
    there.end();
    await heard.untilTerminated();
    expect(heard.events).toEqual(['closing', 'terminated 1000 clean']);
  });

  describe('a peer that does not read', () => {
    test('gets all messages and then 1013 when more than maxBufferedBytes wait', async () => {
      const [here, there] = MemoryTransport.pair();
      const { connection, heard } = startConnection(role, here);
      connection.resume();
      const peer = new Peer(otherRole(role), there, { reads: false });
      const text = 'x'.repeat(10_000);
      let sent = 0;
      for (; heard.errors.length === 0 && sent < 1000; sent++) {
        connection.send(text);
        if (sent % 10 === 0) await turns(1);
      }
      expect(heard.events).toEqual(['closing', 'error ERR_BUFFER_FULL 1013']);
      const error = heard.errors[0]!;
      expect(error).toMatchObject({ side: 'remote', limit: MAX_BUFFERED_BYTES });
      expect(error.observed).toBeGreaterThan(MAX_BUFFERED_BYTES);
      expect(error.observed).toBeLessThan(MAX_BUFFERED_BYTES + 20_000);
      const atFailure = connection.bufferedBytes;
      for (let i = 0; i < 100; i++) connection.send(text);
      expect(connection.bufferedBytes).toBe(atFailure);

      there.resume();
      await peer.heard.until(() => peer.heard.events.includes('end'));
      expect(peer.received).toHaveLength(sent);
      expect(peer.received.at(-1)).toBe('88 03f5');
      there.end();
      await heard.untilTerminated();
      expect(heard.events.at(-1)).toBe('terminated 1013 unclean');
    });

    test('gets the answer to its latest ping only', async () => {
      const [here, there] = MemoryTransport.pair();
      const { connection, heard } = startConnection(role, here);
      connection.resume();
      const peer = new Peer(otherRole(role), there, { reads: false });
      connection.send(Buffer.alloc(65_536));
      await turns();
      const before = connection.bufferedBytes;
      for (let i = 0; i < 100; i++) peer.send(`89 ${i.toString(16).padStart(2, '0')}`);
      await turns();
      expect(connection.bufferedBytes).toBe(before);
      there.resume();
      await peer.until(2);
      await turns();
      expect(peer.received.slice(1)).toEqual(['8a 63']);
      connection.destroy();
      await heard.untilTerminated();
    });

    test('costs no more memory than a sender that checks bufferedBytes lets wait', async () => {
      const [client, server] = toTransports(await socketPairs.tcp());
      const [here, there] = role === 'client' ? [client, server] : [server, client];
      const sender = startConnection(role, here, { maxBufferedBytes: 16 * MAX_BUFFERED_BYTES });
      const receiver = startConnection(otherRole(role), there);
      sender.connection.resume();
      receiver.heard.onEvent = () => receiver.connection.pause();
      receiver.connection.resume();
      const message = Buffer.alloc(100_000, 'x');
      let sent = 0;
      const sendWhileItFlows = async (): Promise<void> => {
        while (sender.connection.bufferedBytes < 500_000 && sent < 1000) {
          sender.connection.send(message);
          sent++;
          if (sender.connection.bufferedBytes >= 500_000) await turns();
        }
      };
      await sendWhileItFlows();
      expect(sent).toBeLessThan(1000);
      const held = sender.connection.bufferedBytes;
      expect(held).toBeLessThan(700_000);
      await turns(50);
      expect(sender.connection.bufferedBytes).toBe(held);
      expect(receiver.heard.events).toHaveLength(1);

      receiver.heard.onEvent = undefined;
      receiver.connection.resume();
      await receiver.heard.until(() => receiver.heard.events.length === sent);
      expect(sender.connection.bufferedBytes).toBe(0);
      sender.connection.close(1000, '', CLOSE_TIMEOUT_MS);
      await Promise.all([sender.heard.untilTerminated(), receiver.heard.untilTerminated()]);
      expect(sender.heard.events).toEqual(['closing', 'terminated 1000 clean']);
      expect(receiver.heard.ending).toEqual(['closing', 'terminated 1000 clean']);
    });
  });

  describe('in time', () => {
    beforeEach(() => {
      clock = useFakeClock();
      return () => expect(clock.pendingTimers).toBe(0);
    });

    const TIMED_OUT = ['closing', 'error ERR_CLOSE_TIMEOUT 1006', 'terminated 1006 unclean'];

    test('a peer that does not answer a close frame is cut off', async () => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      await peer.until(1);
      await expectEndAfter(CLOSE_TIMEOUT_MS, heard, TIMED_OUT);
      await peer.untilClosed();
    });

    test('a peer that does not even read a close frame is cut off', async () => {
      const [here, there] = MemoryTransport.pair();
      RecordingListener.on(there, { reads: false });
      const { connection, heard } = startConnection(role, here);
      connection.resume();
      connection.send(Buffer.alloc(200_000));
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      await turns();
      expect(connection.bufferedBytes).toBeGreaterThan(200_000);
      await expectEndAfter(CLOSE_TIMEOUT_MS, heard, TIMED_OUT);
      expect(connection.bufferedBytes).toBe(0);
    });

    test('a peer that answers and does not end TCP is cut off', async () => {
      const { heard, peer } = open(role);
      peer.send(`88 ${CLOSE_1000}`);
      await peer.until(1);
      await expectEndAfter(CLOSE_TIMEOUT_MS, heard, ['closing', 'terminated 1000 clean']);
      await peer.untilClosed();
    });

    test('a peer that does not end TCP after a failure is cut off', async () => {
      const { heard, peer } = open(role);
      peer.send('83 00');
      await peer.until(1);
      await expectEndAfter(CLOSE_TIMEOUT_MS, heard, [
        'closing',
        'error ERR_RESERVED_OPCODE 1002',
        'terminated 1002 unclean',
      ]);
      await peer.untilClosed();
    });

    test('a peer that does not read after a failure is cut off', async () => {
      const [here, there] = MemoryTransport.pair();
      RecordingListener.on(there, { reads: false });
      const { connection, heard } = startConnection(role, here);
      connection.resume();
      connection.send(Buffer.alloc(200_000));
      connection.fail(new FourDError('ERR_CALLBACK_FAILED', 'failed'));
      await turns();
      await expectEndAfter(CLOSE_TIMEOUT_MS, heard, [
        'closing',
        'error ERR_CALLBACK_FAILED 1011',
        'terminated 1011 unclean',
      ]);
    });

    test('close() with Infinity waits until a further call sets a deadline', async () => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', Infinity);
      await peer.until(1);
      await clock.advance(3_600_000);
      expect(heard.events).toEqual([]);
      connection.close(1000, '', 1000);
      await expectEndAfter(1000, heard, TIMED_OUT);
    });

    test.each([
      ['shortens', 1000],
      ['does not lengthen', 30_000],
      ['does not remove', Infinity],
    ])('a further close() %s the deadline', async (_, timeoutMs) => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      await peer.until(1);
      connection.close(1000, '', timeoutMs);
      await expectEndAfter(Math.min(timeoutMs, CLOSE_TIMEOUT_MS), heard, TIMED_OUT);
    });

    test('a further close() leaves no deadline behind when the peer answers', async () => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      connection.close(1000, '', 1000);
      connection.close(1000, '', 5000);
      peer.send(`88 ${CLOSE_1000}`);
      peer.transport.end();
      await heard.untilTerminated();
      expect(clock.pendingTimers).toBe(0);
    });

    test('a further close() with the same time keeps the deadline', async () => {
      const { connection, heard } = open(role);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      connection.close(1000, '', CLOSE_TIMEOUT_MS);
      await expectEndAfter(CLOSE_TIMEOUT_MS, heard, TIMED_OUT);
    });

    test.each(['the peer has closed', 'a failure'])('close() after %s does not remove the deadline', async (what) => {
      const { connection, heard, peer } = open(role);
      peer.send(what === 'a failure' ? '83 00' : `88 ${CLOSE_1000}`);
      await peer.until(1);
      connection.close(1000, '', Infinity);
      await expectEndAfter(
        CLOSE_TIMEOUT_MS,
        heard,
        what === 'a failure'
          ? ['closing', 'error ERR_RESERVED_OPCODE 1002', 'terminated 1002 unclean']
          : ['closing', 'terminated 1000 clean'],
      );
    });

    test('an answer in the last moment does not extend the deadline', async () => {
      const { connection, heard, peer } = open(role);
      connection.close(1000, '', 1000);
      await peer.until(1);
      await clock.advance(900);
      peer.send(`88 ${CLOSE_1000}`);
      await heard.until(() => heard.events.includes('closing'));
      await expectEndAfter(100, heard, ['closing', 'terminated 1000 clean']);
    });

    test('a connection that nobody closes has no deadline', async () => {
      const { connection, heard } = open(role);
      await clock.advance(3_600_000);
      expect(clock.pendingTimers).toBe(0);
      expect(heard.events).toEqual([]);
      connection.destroy();
      await heard.untilTerminated();
    });
  });
});

describe.each(['tcp', 'tls', 'unix'] as const)('two connections over %s', (kind) => {
  test('carry large and small messages both ways, and close', async () => {
    const [client, server] = toTransports(await socketPairs[kind]());
    const options = { maxBufferedBytes: 16 * MAX_BUFFERED_BYTES };
    const [one, two] = [startConnection('client', client, options), startConnection('server', server, options)];
    const large = Buffer.alloc(1_000_000, 'z');
    for (const { connection } of [one, two]) {
      connection.resume();
      for (let i = 0; i < 3; i++) {
        connection.send(`message ${i}`);
        connection.send(large);
      }
    }
    await Promise.all([one, two].map(({ heard }) => heard.until(() => heard.events.length === 6)));
    two.connection.close(1001, 'going', CLOSE_TIMEOUT_MS);
    await Promise.all([one.heard.untilTerminated(), two.heard.untilTerminated()]);
    const messages = [0, 1, 2].flatMap((i) => [`text message ${i}`, `bytes ${describeBytes(large)}`]);
    expect(one.heard.events).toEqual([...messages, 'closing', 'terminated 1001 "going" clean']);
    expect(two.heard.events).toEqual([...messages, 'closing', 'terminated 1001 clean']);
  });
});

describe.each(ROLES)('a %s that compresses', (role) => {
  /** Starts a connection and its peer; the test decides when a compression is done. */
  function openCompressed(options: Partial<ConnectionOptions> = {}) {
    const compression = new FakeCompression(false);
    const [left, right] = MemoryTransport.pair();
    const peer = new Peer(otherRole(role), right);
    const { connection, heard } = startConnection(role, left, { compression, ...options });
    connection.resume();
    const end = async (): Promise<void> => {
      connection.destroy();
      await heard.untilTerminated();
    };
    return { compression, connection, heard, peer, end };
  }

  test.each(['close', 'drop-newest', 'drop-oldest'] as const)(
    'messages sent during a compression leave after its message (bufferPolicy "%s")',
    async (bufferPolicy) => {
      const { compression, connection, heard, peer, end } = openCompressed({ bufferPolicy });
      expect(connection.send('a')).toBe('queued');
      expect(connection.isBlocked).toBe(true);
      expect([connection.send('b', false), connection.send('c'), connection.send('d', false, true)]).toEqual([
        'queued',
        'queued',
        'queued',
      ]);
      expect(connection.bufferedBytes).toBe(4);
      compression.finishJobs();
      await peer.heard.until(() => peer.received.length === 4);
      expect(peer.received).toEqual(['c1 6461', '81 62', 'c1 6463', '81 64']);
      expect(connection.isBlocked).toBe(false);
      expect(connection.bufferedBytes).toBe(0);
      expect(heard.writableCount).toBe(1);
      await end();
    },
  );

  test('a message that is compressed synchronously leaves with this turn', async () => {
    const { compression, connection, peer, end } = openCompressed();
    compression.isAtOnce = true;
    expect([connection.send('a'), connection.send('b', false), connection.send(Buffer.of(1))]).toEqual([
      'sent',
      'sent',
      'sent',
    ]);
    await peer.heard.until(() => peer.received.length === 3);
    compression.isAtOnce = false;
    expect([connection.send('c', false), connection.send('d'), connection.send('e', false)]).toEqual([
      'sent',
      'queued',
      'queued',
    ]);
    compression.finishJobs();
    expect(connection.send('f', false)).toBe('sent');
    await peer.heard.until(() => peer.received.length === 7);
    await end();
  });

  test('messages that wait to be compressed count for maxBufferedBytes', async () => {
    const { connection, heard, end } = openCompressed({ maxBufferedBytes: 5 });
    expect([connection.send('abc'), connection.send('def'), connection.send('g')]).toEqual([
      'queued',
      'queued',
      'dropped',
    ]);
    await turns();
    expect(heard.events).toEqual(['closing', 'error ERR_BUFFER_FULL 1013']);
    await end();
  });

  test('nothing is read from the peer while a message is inflated', async () => {
    const { compression, heard, peer, end } = openCompressed();
    peer.send('c1 6461');
    await turns();
    expect(compression.jobs).toBe(1);
    peer.send('81 62');
    await turns();
    expect(peer.transport.bufferedBytes).toBeGreaterThan(0);
    compression.finishJob();
    await heard.until(() => heard.events.length === 2);
    expect(heard.events).toEqual(['text a', 'text b']);
    expect(peer.transport.bufferedBytes).toBe(0);
    await end();
  });

  test('the connection ends without waiting for running compressions, and ignores their results', async () => {
    const { compression, connection, heard, peer, end } = openCompressed();
    peer.send('c1 6461');
    await turns();
    connection.send('b');
    await end();
    const before = [...heard.events];
    compression.finishJobs();
    await turns();
    expect(heard.events).toEqual(before);
    expect(before.some((event) => event.startsWith('text'))).toBe(false);
  });
});
