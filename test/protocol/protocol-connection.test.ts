import { beforeEach, describe, expect, test } from 'vitest';
import { NOT_COMPRESSED } from '../../src/protocol/compression.ts';
import { type ErrorCode, errorTable, FourDError } from '../../src/errors.ts';
import { forgetSharedMessage, PreparedMessage } from '../../src/protocol/prepared-message.ts';
import type { Compression, Inflater } from '../../src/protocol/compression.ts';
import { FakeCompression } from '../helpers/fake-compression.ts';
import { frame, hex, otherRole, readFrames, ROLES } from '../helpers/frames.ts';
import { heldBytes } from '../helpers/memory.ts';
import { openConnection, peerFrames } from '../helpers/protocol-harness.ts';

const LOST = new FourDError('ERR_CONNECTION_LOST', 'connection lost');
const CALLBACK_FAILED = new FourDError('ERR_CALLBACK_FAILED', 'onMessage failed: secret');

/** Lengths around the limits where a frame header grows and where a payload is no longer copied. */
const LENGTHS = [0, 1, 2, ...around(125), ...around(16_384), ...around(65_535), 100_000];

function around(length: number): number[] {
  return Array.from({ length: 13 }, (_, i) => length - 6 + i);
}

describe.each(ROLES)('the %s', (role) => {
  describe('messages from the peer', () => {
    test('RFC 6455 5.6: text and bytes arrive in order', () => {
      const { sink, receive, sent } = openConnection(role);
      receive('81 48656c6c6f', '82 0102ff', '81', '82', '81 c3a9');
      expect(sink.events).toEqual(['text Hello', 'bytes 0102ff', 'text ', 'bytes', 'text é']);
      expect(sent()).toEqual([]);
    });

    test('RFC 6455 5.6: text arrives as bytes when decodesText is false', () => {
      const { sink, receive } = openConnection(role, { decodesText: false });
      receive('81 c3a9', '01 c3', '80 a9', '82 ff');
      expect(sink.events).toEqual(['text as bytes c3a9', 'text as bytes c3a9', 'bytes ff']);
    });

    test('RFC 6455 5.4: control frames between fragments are reported before the message', () => {
      const { sink, receive } = openConnection(role);
      receive('01 48', '89 01', '00', '8a 02');
      expect(sink.events).toEqual(['ping 01', 'pong 02']);
      receive('80 69', '88 03e8');
      expect(sink.events).toEqual(['ping 01', 'pong 02', 'text Hi', 'close 1000']);
    });

    test('with lendsBytes they are valid within the call, and their memory holds the next message', () => {
      const { sink, receive } = openConnection(role, { decodesText: false, lendsBytes: true });
      const seen: string[] = [];
      sink.onEvent = () => void seen.push((sink.messages.at(-1) as Buffer).toString());
      receive('82 616161', '81 626262', '82', '02 63', '80 6363');
      expect(seen).toEqual(['aaa', 'bbb', '', 'ccc']);
      const [first, second] = sink.messages as Buffer[];
      expect([first!.buffer === second!.buffer, String(first)]).toEqual([true, 'bbb']);
    });

    test('with lendsBytes no message shares memory with the chunk', () => {
      const { connection, sink } = openConnection(role, { decodesText: false, lendsBytes: true });
      const chunk = peerFrames(role, '82 616161');
      sink.onEvent = () => {
        chunk.fill(0);
        expect(String(sink.messages[0])).toBe('aaa');
      };
      connection.receive(chunk);
      expect(sink.events).toEqual(['bytes 616161']);
    });

    test('with lendsBytes a text that is not UTF-8 fails', () => {
      const { sink, receive } = openConnection(role, { decodesText: false, lendsBytes: true });
      receive('81 ff');
      expect(sink.events).toEqual(['fail ERR_INVALID_UTF8 1007']);
    });

    test('the bytes of a message do not change when the chunk is used again', () => {
      const { connection, sink } = openConnection(role);
      const chunk = peerFrames(role, '82 010203');
      connection.receive(chunk);
      chunk.fill(0);
      expect(sink.messages).toEqual([hex('010203')]);
    });
  });

  describe('failures', () => {
    const announced = (first: string, length: bigint): Buffer => frame(otherRole(role), first, '', { length });

    const FAILURES: readonly (readonly [rule: string, stream: Buffer, code: ErrorCode])[] = [
      ['5.2: a reserved bit', peerFrames(role, 'a1'), 'ERR_RESERVED_BITS'],
      ['5.2: RSV1 without compression', peerFrames(role, 'c1 61'), 'ERR_RESERVED_BITS'],
      ['5.2: a reserved opcode', peerFrames(role, '83'), 'ERR_RESERVED_OPCODE'],
      [
        '5.1: a frame masked as this end masks',
        frame(role, '81'),
        role === 'server' ? 'ERR_MASK_REQUIRED' : 'ERR_MASK_FORBIDDEN',
      ],
      ['5.5: a control frame too long', announced('89', 126n), 'ERR_CONTROL_FRAME_TOO_LONG'],
      ['5.5: a fragmented control frame', peerFrames(role, '09'), 'ERR_CONTROL_FRAME_FRAGMENTED'],
      ['5.2: a length of 2^63', announced('82', 1n << 63n), 'ERR_LENGTH_NOT_MINIMAL'],
      ['5.4: a continuation without a message', peerFrames(role, '80'), 'ERR_UNEXPECTED_CONTINUATION'],
      ['5.4: a message inside another', peerFrames(role, '01', '81'), 'ERR_EXPECTED_CONTINUATION'],
      ['5.5.1: a close frame of one byte', peerFrames(role, '88 03'), 'ERR_INVALID_CLOSE_PAYLOAD'],
      ['7.4: a close code that must not be sent', peerFrames(role, '88 03ed'), 'ERR_INVALID_CLOSE_CODE'],
      ['8.1: a reason that is not UTF-8', peerFrames(role, '88 03e8ff'), 'ERR_INVALID_UTF8'],
      ['8.1: a text that is not UTF-8', peerFrames(role, '81 ff'), 'ERR_INVALID_UTF8'],
      ['10.4: too many fragments', peerFrames(role, '02', '00', '00', '00'), 'ERR_TOO_MANY_FRAGMENTS'],
      ['10.4: a message too big', announced('82', 101n), 'ERR_MESSAGE_TOO_BIG'],
      ['10.4: a message of 2^63 - 1 bytes', announced('82', (1n << 63n) - 1n), 'ERR_MESSAGE_TOO_BIG'],
    ];

    test.each(FAILURES)(
      'RFC 6455 %s fails with a close frame without reason, and nothing more is reported',
      (_, stream, code) => {
        const { connection, sink, receive, sent } = openConnection(role, { maxMessageBytes: 100, maxFragments: 3 });
        receive('81 6f6b');
        connection.receive(Buffer.concat([stream, peerFrames(role, '81 61', '89', '88 03e8')]));
        receive('89', '88 03e8');
        const { errCode } = errorTable[code];
        expect(sink.events).toEqual(['text ok', `fail ${code} ${errCode}`]);
        expect(sent()).toEqual([`88 ${errCode.toString(16).padStart(4, '0')}`]);
        expect(connection.isClosing).toBe(true);
      },
    );

    test('an error has the message, the limit, the observed figure and the side', () => {
      const { connection, sink } = openConnection(role, { maxMessageBytes: 100 });
      connection.receive(announced('82', 101n));
      expect(sink.errors[0]).toMatchObject({
        message: 'message too big: 101 bytes (maxMessageBytes 100)',
        limit: 100,
        observed: 101,
        side: 'remote',
        componentSignature: role === 'server' ? 'HTTP' : 'HTCL',
      });
    });

    test('RFC 6455 10.4: a message that is too big is refused on its header', () => {
      const { connection, sink } = openConnection(role, { maxMessageBytes: 10 });
      const stream = frame(otherRole(role), '82', Buffer.alloc(11));
      for (const byte of stream.subarray(0, stream.length - 11)) connection.receive(Buffer.from([byte]));
      expect(sink.events).toEqual(['fail ERR_MESSAGE_TOO_BIG 1009']);
    });

    test('RFC 6455 8.1: a text that is not UTF-8 is refused before its end', () => {
      const { connection, sink } = openConnection(role);
      const stream = frame(otherRole(role), '01', hex('6100ff6162636465'));
      connection.receive(stream.subarray(0, stream.length - 5));
      expect(sink.events).toEqual(['fail ERR_INVALID_UTF8 1007']);
    });
  });

  describe('fail()', () => {
    test('RFC 6455 7.1.7: sends the close code without a reason', () => {
      const { connection, sink, sent } = openConnection(role);
      expect(connection.fail(CALLBACK_FAILED)).toBe(true);
      expect(sent()).toEqual(['88 03f3']);
      expect(sink.events).toEqual(['fail ERR_CALLBACK_FAILED 1011']);
      expect(sink.errors[0]).toBe(CALLBACK_FAILED);
      expect(connection.isClosing).toBe(true);
    });

    test('RFC 6455 7.4.1: sends nothing for 1006', () => {
      const { connection, sink, sent } = openConnection(role);
      connection.fail(LOST);
      expect(sent()).toEqual([]);
      expect(sink.events).toEqual(['fail ERR_CONNECTION_LOST 1006']);
      expect(connection.isClosing).toBe(true);
    });

    test('RFC 6455 5.5.1: sends no second close frame', () => {
      const { connection, sink, sent } = openConnection(role);
      connection.close(1000, '');
      connection.fail(CALLBACK_FAILED);
      expect(sent()).toEqual(['88 03e8']);
      expect(sink.events).toEqual(['fail ERR_CALLBACK_FAILED 1011']);
    });

    test('returns false after the first failure and after the closing handshake', () => {
      const failed = openConnection(role);
      failed.connection.fail(LOST);
      expect(failed.connection.fail(CALLBACK_FAILED)).toBe(false);
      const closed = openConnection(role);
      closed.receive('88 03e8');
      expect(closed.connection.fail(CALLBACK_FAILED)).toBe(false);
      expect([...failed.sink.events, ...closed.sink.events]).toEqual(['fail ERR_CONNECTION_LOST 1006', 'close 1000']);
    });

    test('within onMessage discards the rest of the chunk', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      sink.onEvent = (event) => {
        if (event === 'text a') connection.fail(CALLBACK_FAILED);
      };
      receive('81 61', '81 62', '89');
      expect(sink.events).toEqual(['text a', 'fail ERR_CALLBACK_FAILED 1011']);
      expect(sent()).toEqual(['88 03f3']);
    });
  });

  describe('pings and pongs', () => {
    test('RFC 6455 5.5.2: each ping is answered with its payload, in order, before it is reported', () => {
      const { sink, receive, sent } = openConnection(role);
      const sentBefore: string[][] = [];
      sink.onEvent = () => sentBefore.push(sent());
      const long = '2a'.repeat(125);
      receive('89', '89 01ff', `89 ${long}`);
      expect(sink.events).toEqual(['ping', 'ping 01ff', `ping ${long}`]);
      expect(sentBefore).toEqual([['8a'], ['8a', '8a 01ff'], ['8a', '8a 01ff', `8a ${long}`]]);
    });

    test('RFC 6455 5.5.3: while the output is blocked, only the latest ping is answered, once it is writable', () => {
      const { connection, sink, output, receive, sent } = openConnection(role);
      output.isBlocked = true;
      receive('89 01', '89 02', '89 03');
      expect(sink.events).toEqual(['ping 01', 'ping 02', 'ping 03']);
      expect(sent()).toEqual([]);
      output.isBlocked = false;
      connection.onOutputWritable();
      connection.onOutputWritable();
      expect(sent()).toEqual(['8a 03']);
    });

    test('RFC 6455 5.5.3: an older ping is not answered after a newer one', () => {
      const { connection, output, receive, sent } = openConnection(role);
      output.isBlocked = true;
      receive('89 01');
      output.isBlocked = false;
      receive('89 02');
      connection.onOutputWritable();
      expect(sent()).toEqual(['8a 02']);
    });

    test('a waiting pong is a copy of the payload', () => {
      const { connection, output, sent } = openConnection(role);
      const chunk = peerFrames(role, '89 0102');
      output.isBlocked = true;
      connection.receive(chunk);
      chunk.fill(0xee);
      connection.onOutputWritable();
      expect(sent()).toEqual(['8a 0102']);
    });

    test('RFC 6455 5.5.1: a waiting pong is dropped when the connection closes', () => {
      const { connection, output, receive, sent } = openConnection(role);
      output.isBlocked = true;
      receive('89 01');
      connection.close(1000, '');
      connection.onOutputWritable();
      expect(sent()).toEqual(['88 03e8']);
    });

    test('RFC 6455 5.5.3: pongs, solicited or not, are reported and not answered', () => {
      const { sink, receive, sent } = openConnection(role);
      receive('8a', '8a 01');
      expect(sink.events).toEqual(['pong', 'pong 01']);
      expect(sent()).toEqual([]);
    });

    test('RFC 6455 5.5: pings and pongs are sent with up to 125 bytes', () => {
      const { connection, sent } = openConnection(role);
      connection.sendPing(hex('01'));
      connection.sendPong(Buffer.alloc(0));
      connection.sendPing(Buffer.alloc(125, 7));
      expect(sent()).toEqual(['89 01', '8a', `89 ${'07'.repeat(125)}`]);
      expect(() => connection.sendPing(Buffer.alloc(126))).toThrow(
        new RangeError('control frame too long: 126 bytes (at most 125)'),
      );
      expect(() => connection.sendPong(Buffer.alloc(126))).toThrow(RangeError);
      expect(sent().length).toBe(3);
    });
  });

  describe('sending messages', () => {
    test.each([
      ['one byte', 'a'],
      ['two bytes', 'é'],
      ['three bytes', '€'],
      ['four bytes', '😀'],
    ])('RFC 6455 5.2: text of every length around the limits arrives, in characters of %s', (_, character) => {
      const { connection, output } = openConnection(role);
      const texts = LENGTHS.map((length) => {
        const characterBytes = Buffer.byteLength(character);
        return 'x'.repeat(length % characterBytes) + character.repeat(Math.floor(length / characterBytes));
      });
      for (const each of texts) connection.sendText(each);
      const frames = readFrames(output.bytes, role);
      expect(frames.map(({ first, payload }) => [first, payload.length])).toEqual(
        LENGTHS.map((length) => [0x81, length]),
      );
      expect(frames.filter(({ payload }, i) => payload.toString('utf8') !== texts[i])).toEqual([]);
    });

    test('RFC 6455 5.2: text of every length around the limit of short texts arrives', () => {
      const { connection, output } = openConnection(role);
      const texts = ['a', '€'].flatMap((character) => around(5461).map((count) => character.repeat(count)));
      for (const each of texts) connection.sendText(each);
      expect(readFrames(output.bytes, role).map(({ payload }) => payload.toString('utf8'))).toEqual(texts);
    });

    test('RFC 6455 8.1: lone surrogates are sent as U+FFFD', () => {
      const { connection, sent } = openConnection(role);
      connection.sendText('\ud800');
      connection.sendText('a\udc00b');
      connection.sendText('\ud800'.repeat(42));
      expect(sent()).toEqual(['81 efbfbd', '81 61efbfbd62', `81 ${'efbfbd'.repeat(42)}`]);
    });

    test('RFC 6455 5.2: bytes of every length around the limits arrive, and the payload is unchanged', () => {
      const { connection, output } = openConnection(role);
      const payloads = LENGTHS.map((length) => Buffer.from(Array.from({ length }, (_, i) => (i * 31) & 0xff)));
      const copies = payloads.map((payload) => Buffer.from(payload));
      for (const payload of payloads) connection.sendBinary(payload);
      const frames = readFrames(output.bytes, role);
      expect(frames.map(({ first, payload }) => [first, payload.length])).toEqual(
        LENGTHS.map((length) => [0x82, length]),
      );
      expect(frames.filter(({ payload }, i) => !payload.equals(copies[i]!))).toEqual([]);
      expect(payloads.filter((payload, i) => !payload.equals(copies[i]!))).toEqual([]);
    });

    test('RFC 6455 5.2: a view of a larger memory sends only its own bytes', () => {
      const { connection, sent } = openConnection(role);
      const memory = Uint8Array.from({ length: 32 }, (_, i) => i);
      connection.sendBinary(Buffer.from(memory.buffer, 5, 3));
      expect(sent()).toEqual(['82 050607']);
    });

    test('a short payload may be changed right after sendBinary()', () => {
      const { connection, output } = openConnection(role);
      const payload = Buffer.alloc(16_383, 1);
      connection.sendBinary(payload);
      payload.fill(2);
      expect(output.appended).toEqual([]);
      expect(readFrames(output.bytes, role)[0]!.payload.equals(Buffer.alloc(16_383, 1))).toBe(true);
    });

    test('RFC 6455 5.3: each frame of a client has a new masking key', () => {
      const { connection, output } = openConnection(role);
      for (let i = 0; i < 20; i++) connection.sendBinary(Buffer.alloc(20_000));
      const frameBytes = output.bytes.length / 20;
      const keys = Array.from({ length: 20 }, (_, i) =>
        output.bytes.toString('hex', i * frameBytes + 4, i * frameBytes + 8),
      );
      expect(new Set(keys).size).toBe(role === 'client' ? 20 : 1);
    });
  });

  describe('the closing handshake', () => {
    test.each([
      [1000, '', '88 03e8'],
      [1001, 'bye', '88 03e9627965'],
      [4999, 'é', '88 1387c3a9'],
      [1005, '', '88'],
    ])('RFC 6455 7.1.2: close(%i, %j) sends one close frame', (code, reason, closeFrame) => {
      const { connection, sink, sent } = openConnection(role);
      expect(connection.isClosing).toBe(false);
      connection.close(code, reason);
      connection.close(1001, 'again');
      expect(sent()).toEqual([closeFrame]);
      expect(connection.isClosing).toBe(true);
      expect(sink.events).toEqual([]);
    });

    test('RFC 6455 5.5: a long reason is cut to 123 bytes', () => {
      const { connection, sent } = openConnection(role);
      connection.close(1000, 'é'.repeat(100));
      expect(sent()).toEqual([`88 03e8${'c3a9'.repeat(61)}`]);
    });

    test.each([
      ['88 03e8', 'close 1000', '88 03e8'],
      ['88 03e9 627965', 'close 1001 "bye"', '88 03e9'],
      ['88 1387', 'close 4999', '88 1387'],
      ['88', 'close 1005', '88'],
    ])(
      'RFC 6455 5.5.1: the close frame %s is answered with its code, before it is reported',
      (closeFrame, event, answer) => {
        const { connection, sink, receive, sent } = openConnection(role);
        let sentBefore: string[] = [];
        sink.onEvent = () => (sentBefore = sent());
        receive(closeFrame);
        expect(sink.events).toEqual([event]);
        expect(sentBefore).toEqual([answer]);
        expect(connection.isClosing).toBe(true);
      },
    );

    test('RFC 6455 5.5.1: after the close frame of the peer nothing is reported or sent', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      receive('88 03e8', '81 61', '89', '83', '88 03e8');
      connection.receive(hex('ffffff'));
      connection.sendText('a');
      connection.sendBinary(hex('00'));
      connection.sendPing(hex('00'));
      connection.sendPong(hex('00'));
      connection.close(1000, '');
      expect(sink.events).toEqual(['close 1000']);
      expect(sent()).toEqual(['88 03e8']);
    });

    test('RFC 6455 7.1.4: close frames that cross complete the closing handshake', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      connection.close(1000, 'mine');
      receive('88 0fa1 796f757273');
      expect(sink.events).toEqual(['close 4001 "yours"']);
      expect(sent()).toEqual(['88 03e86d696e65']);
    });

    test('RFC 6455 5.5.1: after our close frame nothing is sent, and messages are discarded unchecked', () => {
      const { connection, sink, receive, sent } = openConnection(role, { maxMessageBytes: 10, maxFragments: 1 });
      connection.close(1000, '');
      connection.sendText('a');
      connection.sendBinary(Buffer.alloc(20_000));
      connection.sendPing(hex('00'));
      receive('81 61', '81 ff', '80 61', `82 ${'00'.repeat(300)}`, '01', '00', '89 01', '8a 02', '88 03e8');
      expect(sink.events).toEqual(['ping 01', 'pong 02', 'close 1000']);
      expect(sent()).toEqual(['88 03e8']);
    });

    test('RFC 6455 5.4: an unfinished message is discarded when this end closes', () => {
      const { connection, sink, receive } = openConnection(role);
      receive('01 61');
      connection.close(1000, '');
      receive('80 62', '88 03e8');
      expect(sink.events).toEqual(['close 1000']);
    });

    test('RFC 6455 5.4: an unfinished frame is discarded when this end closes', () => {
      const { connection, sink } = openConnection(role);
      const stream = peerFrames(role, '82 0102030405', '88 03e8');
      connection.receive(stream.subarray(0, stream.length - 11));
      connection.close(1000, '');
      connection.receive(stream.subarray(stream.length - 11));
      expect(sink.events).toEqual(['close 1000']);
    });

    test('RFC 6455 7.1.7: a framing violation after our close frame still ends the connection', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      connection.close(1000, '');
      receive('83', '88 03e8');
      expect(sink.events).toEqual(['fail ERR_RESERVED_OPCODE 1002']);
      expect(sent()).toEqual(['88 03e8']);
    });

    test('RFC 6455 5.5.1: a close frame with an invalid payload fails even after our own', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      connection.close(1000, '');
      receive('88 00');
      expect(sink.events).toEqual(['fail ERR_INVALID_CLOSE_PAYLOAD 1002']);
      expect(sent()).toEqual(['88 03e8']);
    });

    test('close() within onMessage discards the rest of the chunk but the close frame', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      sink.onEvent = () => connection.close(1000, '');
      receive('81 61', '81 62', '88 03e8');
      expect(sink.events).toEqual(['text a', 'close 1000']);
      expect(sent()).toEqual(['88 03e8']);
    });

    test('close() frees the memory of an unfinished message', () => {
      const { connection } = openConnection(role, { maxMessageBytes: 30_000_000 });
      connection.receive(frame(otherRole(role), '02', Buffer.alloc(20_000_000)));
      const before = heldBytes();
      connection.close(1000, '');
      expect(before - heldBytes()).toBeGreaterThan(15_000_000);
    });
  });

  describe('abandon()', () => {
    test('stops sending, reporting and receiving', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      connection.abandon();
      receive('81 61', '88 03e8');
      connection.sendText('a');
      connection.close(1000, '');
      expect(connection.fail(LOST)).toBe(false);
      expect(connection.isClosing).toBe(true);
      expect(sink.events).toEqual([]);
      expect(sent()).toEqual([]);
    });

    test('has the inflater free what it keeps, and every message before was inflated by this one', () => {
      const opened: string[] = [];
      const fake = new FakeCompression(true);
      const compression: Compression = {
        thresholdBytes: 0,
        isShared: true,
        deflater: fake.deflater,
        get inflater(): Inflater {
          opened.push('opened');
          return { ...fake.inflater, end: () => opened.push('ended') };
        },
      };
      const { connection, sink, receive } = openConnection(role, { compression });
      receive('81 61');
      expect(opened).toEqual([]);
      receive('c1 6462', 'c1 6463');
      expect(sink.events).toEqual(['text a', 'text b', 'text c']);
      expect(opened).toEqual(['opened']);
      connection.abandon();
      expect(opened).toEqual(['opened', 'ended']);
    });

    test('within onMessage discards the rest of the chunk', () => {
      const { connection, sink, receive } = openConnection(role);
      sink.onEvent = () => connection.abandon();
      receive('81 61', '81 62');
      expect(sink.events).toEqual(['text a']);
    });
  });

  describe('pausing', () => {
    test('events are held back until resume() and then reported in order', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      connection.pause();
      receive('81 61', '89 01');
      receive('81 62', '88 03e8');
      expect(sink.events).toEqual([]);
      expect(sent()).toEqual([]);
      connection.resume();
      expect(sink.events).toEqual(['text a', 'ping 01', 'text b', 'close 1000']);
      expect(sent()).toEqual(['8a 01', '88 03e8']);
    });

    test('pause() within an event takes effect at once', () => {
      const { connection, sink, receive } = openConnection(role);
      sink.onEvent = () => connection.pause();
      receive('81 61', '81 62', '01 63', '80 64');
      expect(sink.events).toEqual(['text a']);
      connection.resume();
      expect(sink.events).toEqual(['text a', 'text b']);
      connection.resume();
      expect(sink.events).toEqual(['text a', 'text b', 'text cd']);
    });

    test('resume() within an event does not nest', () => {
      const { connection, sink, receive } = openConnection(role);
      let depth = 0;
      const depths: number[] = [];
      sink.onEvent = () => {
        depths.push(++depth);
        connection.pause();
        connection.resume();
        depth--;
      };
      receive('81 61', '81 62', '81 63');
      expect(sink.events).toEqual(['text a', 'text b', 'text c']);
      expect(depths).toEqual([1, 1, 1]);
    });

    test('send, close and fail work while paused', () => {
      const { connection, sink, receive, sent } = openConnection(role);
      connection.pause();
      connection.sendText('a');
      receive('81 62');
      connection.close(1000, '');
      expect(sent()).toEqual(['81 61', '88 03e8']);
      connection.fail(LOST);
      connection.resume();
      expect(sink.events).toEqual(['fail ERR_CONNECTION_LOST 1006']);
    });

    test('messages that arrive during a pause are discarded once this end has closed, but not the close frame', () => {
      const { connection, sink, receive } = openConnection(role);
      connection.pause();
      receive('81 61', '88 03e8');
      connection.close(1000, '');
      connection.resume();
      expect(sink.events).toEqual(['close 1000']);
    });
  });

  describe.each([
    ['synchronously', true],
    ['asynchronously', false],
  ])('compression that ends %s', (_, isAtOnce) => {
    test('RFC 7692 6.1: messages are sent in order with RSV1, and control frames without', () => {
      const compression = new FakeCompression(isAtOnce);
      const { connection, sent } = openConnection(role, { compression });
      connection.sendText('é');
      connection.sendBinary(hex('0102'));
      connection.sendText('');
      compression.finishJobs();
      connection.sendPing(hex('03'));
      expect(sent()).toEqual(['c1 64c3a9', 'c2 640102', 'c1 64', '89 03']);
    });

    test('RFC 7692 6.2: compressed and uncompressed messages arrive in order', () => {
      const compression = new FakeCompression(isAtOnce);
      const { sink, receive } = openConnection(role, { compression });
      receive('c1 6461', '81 62', 'c2 6463', '41 64', '00', '89', '80 64', '82 65', '88 03e8');
      compression.finishJobs();
      expect(sink.events).toEqual(['text a', 'text b', 'bytes 63', 'ping', 'text d', 'bytes 65', 'close 1000']);
    });

    test('RFC 6455 10.4: inflating beyond maxMessageBytes fails with 1009', () => {
      const compression = new FakeCompression(isAtOnce);
      const { sink, receive, sent } = openConnection(role, { compression, maxMessageBytes: 4 });
      receive('c2 7801', 'c2 780102', '81 61');
      compression.finishJobs();
      expect(sink.events).toEqual(['bytes 01010101', 'fail ERR_MESSAGE_TOO_BIG 1009']);
      expect(sink.errors[0]!.message).toBe('message too big: the inflated size is over the limit (maxMessageBytes 4)');
      expect(sent()).toEqual(['88 03f1']);
    });

    test('RFC 7692 6.2: a message that cannot be inflated fails with 1007', () => {
      const compression = new FakeCompression(isAtOnce);
      const { sink, receive, sent } = openConnection(role, { compression });
      receive('c2 00', '81 61');
      compression.finishJobs();
      expect(sink.events).toEqual(['fail ERR_INVALID_COMPRESSED_DATA 1007']);
      expect(sent()).toEqual(['88 03ef']);
    });

    test('without memory to inflate or to compress, the connection fails with 1011', () => {
      const noMemory = Object.assign(new Error('no memory'), { code: 'Z_MEM_ERROR' });
      const compression = new FakeCompression(isAtOnce);
      const receiving = openConnection(role, { compression });
      compression.inflateError = noMemory;
      receiving.receive('c2 6401');
      compression.finishJobs();
      const sending = openConnection(role, { compression });
      compression.deflateError = noMemory;
      sending.connection.sendText('a');
      compression.finishJobs();
      for (const { sink } of [receiving, sending]) {
        expect(sink.events).toEqual(['fail ERR_COMPRESSION_FAILED 1011']);
        expect(sink.errors[0]).toMatchObject({ side: 'local', cause: noMemory });
      }
    });

    test('RFC 7692 6.1: RSV1 on a continuation, a control frame or with RSV2 fails with 1002', () => {
      for (const frames of [['41 64', 'c0 61'], ['c9'], ['e1 64']]) {
        const { sink, receive } = openConnection(role, { compression: new FakeCompression(isAtOnce) });
        receive(...frames);
        expect(sink.events).toEqual(['fail ERR_RESERVED_BITS 1002']);
      }
    });

    test('RFC 7692 6: a message that cannot be compressed is sent uncompressed', () => {
      const compression = new FakeCompression(isAtOnce);
      const { connection, sent } = openConnection(role, { compression });
      compression.deflateError = NOT_COMPRESSED;
      connection.sendText('a');
      connection.sendBinary(hex('01'));
      compression.finishJobs();
      expect(sent()).toEqual(['81 61', '82 01']);
    });

    test('RFC 6455 7.1.2: the close frame is sent after the messages', () => {
      const compression = new FakeCompression(isAtOnce);
      const { connection, sent } = openConnection(role, { compression });
      connection.sendText('a');
      connection.sendText('b');
      connection.close(1000, '');
      connection.sendText('c');
      expect(connection.isClosing).toBe(true);
      compression.finishJobs();
      expect(sent()).toEqual(['c1 6461', 'c1 6462', '88 03e8']);
    });

    test('large messages of both kinds are sent whole, and the bytes of the caller are unchanged', () => {
      const compression = new FakeCompression(isAtOnce);
      const { connection, output } = openConnection(role, { compression });
      const payload = Buffer.alloc(70_000, 1);
      connection.sendBinary(payload);
      connection.sendText('b'.repeat(70_000));
      compression.finishJobs();
      const payloads = readFrames(output.bytes, role).map((each) => each.payload);
      expect(payloads[0]!.equals(Buffer.concat([Buffer.from('d'), Buffer.alloc(70_000, 1)]))).toBe(true);
      expect(payloads[1]!.toString('utf8')).toBe(`d${'b'.repeat(70_000)}`);
      expect(payload.equals(Buffer.alloc(70_000, 1))).toBe(true);
    });

    test('a large message that cannot be compressed is sent whole, and the bytes of the caller are unchanged', () => {
      const compression = new FakeCompression(isAtOnce);
      const { connection, output } = openConnection(role, { compression });
      const payload = Buffer.alloc(70_000, 1);
      compression.deflateError = NOT_COMPRESSED;
      connection.sendBinary(payload);
      compression.finishJobs();
      expect(readFrames(output.bytes, role)[0]!.payload.equals(Buffer.alloc(70_000, 1))).toBe(true);
      expect(payload.equals(Buffer.alloc(70_000, 1))).toBe(true);
    });
  });

  describe('which messages are compressed', () => {
    test('by default all with thresholdBytes or more', () => {
      const compression = new FakeCompression(true);
      compression.thresholdBytes = 3;
      const { connection, sent } = openConnection(role, { compression });
      for (const text of ['ab', 'abc', '']) connection.sendText(text);
      for (const bytes of ['0102', '010203', '']) connection.sendBinary(hex(bytes));
      expect(sent()).toEqual(['81 6162', 'c1 64616263', '81', '82 0102', 'c2 64010203', '82']);
    });

    test('those for which the sender passes true, and not those with false', () => {
      const compression = new FakeCompression(true);
      compression.thresholdBytes = 2;
      const { connection, sent } = openConnection(role, { compression });
      connection.sendText('a', true);
      connection.sendText('abc', false);
      connection.sendBinary(hex('01'), true);
      connection.sendBinary(hex('010203'), false);
      expect(sent()).toEqual(['c1 6461', '81 616263', 'c2 6401', '82 010203']);
    });

    test('none when compression was not negotiated', () => {
      const { connection, sent } = openConnection(role);
      connection.sendText('a', true);
      connection.sendBinary(hex('01'), true);
      expect(sent()).toEqual(['81 61', '82 01']);
    });
  });

  describe('an asynchronous deflater', () => {
    test('RFC 7692 6: uncompressed messages keep their place behind compressed ones', () => {
      const compression = new FakeCompression(false);
      const { connection, sent } = openConnection(role, { compression });
      connection.sendText('0', false);
      connection.sendText('1');
      connection.sendText('2', false);
      connection.sendBinary(hex('03'), false);
      connection.sendText('4');
      connection.sendText('5', false);
      expect(sent()).toEqual(['81 30']);
      compression.finishJob();
      expect(sent()).toEqual(['81 30', 'c1 6431', '81 32', '82 03']);
      compression.finishJob();
      expect(sent().slice(4)).toEqual(['c1 6434', '81 35']);
      connection.sendText('6', false);
      expect(sent().slice(6)).toEqual(['81 36']);
    });

    test('waitingBytes counts messages until they are sent or dropped', () => {
      const compression = new FakeCompression(false);
      const { connection, receive } = openConnection(role, { compression });
      connection.sendText('abc');
      connection.sendText('de', false);
      connection.sendBinary(hex('06'));
      expect(connection.waitingBytes).toBe(6);
      compression.finishJob();
      expect(connection.waitingBytes).toBe(1);
      compression.finishJob();
      expect(connection.waitingBytes).toBe(0);
      connection.sendText('abc');
      receive('88 03e8');
      expect(connection.waitingBytes).toBe(0);
      compression.finishJobs();
      expect(connection.waitingBytes).toBe(0);
    });

    test('one message is compressed at a time', () => {
      const compression = new FakeCompression(false);
      const { connection, sent } = openConnection(role, { compression });
      for (const each of ['a', 'b', 'c']) connection.sendText(each);
      expect(compression.jobs).toBe(1);
      compression.finishJob();
      expect(compression.jobs).toBe(1);
      expect(sent()).toEqual(['c1 6461']);
    });

    test('RFC 6455 5.4: control frames overtake waiting messages', () => {
      const compression = new FakeCompression(false);
      const { connection, receive, sent } = openConnection(role, { compression });
      connection.sendText('a');
      connection.sendPing(hex('01'));
      receive('89 02');
      compression.finishJobs();
      expect(sent()).toEqual(['89 01', '8a 02', 'c1 6461']);
    });

    test('a short payload may be changed while it waits', () => {
      const compression = new FakeCompression(false);
      const { connection, sent } = openConnection(role, { compression });
      const payload = hex('0102');
      connection.sendBinary(payload);
      payload.fill(0xff);
      compression.finishJobs();
      expect(sent()).toEqual(['c2 640102']);
    });

    test('10 000 waiting messages are sent in order by a synchronous or asynchronous deflater', () => {
      for (const isAtOnceLater of [true, false]) {
        const compression = new FakeCompression(false);
        const { connection, output } = openConnection(role, { compression });
        for (let i = 0; i < 10_000; i++) connection.sendText(String(i));
        connection.close(1000, '');
        compression.isAtOnce = isAtOnceLater;
        compression.finishJobs();
        const payloads = readFrames(output.bytes, role).map(({ payload }) => payload.toString('latin1'));
        expect(payloads.slice(0, -1)).toEqual(Array.from({ length: 10_000 }, (_, i) => `d${i}`));
        expect(payloads.at(-1)).toBe('\u0003\u00e8');
      }
    });

    test('RFC 6455 5.5.1: the close frame of the peer is answered at once, and waiting messages are dropped', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive, sent } = openConnection(role, { compression });
      connection.sendText('a');
      connection.sendText('b');
      receive('88 03e9');
      expect(sent()).toEqual(['88 03e9']);
      expect(sink.events).toEqual(['close 1001']);
      compression.finishJobs();
      expect(sent()).toEqual(['88 03e9']);
    });

    test('RFC 6455 7.1.4: our waiting close frame is sent when the close frame of the peer arrives', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive, sent } = openConnection(role, { compression });
      connection.sendText('a');
      connection.close(1000, 'mine');
      expect(sent()).toEqual([]);
      receive('88 0fa1');
      compression.finishJobs();
      expect(sent()).toEqual(['88 03e86d696e65']);
      expect(sink.events).toEqual(['close 4001']);
    });

    test('RFC 6455 7.1.7: a failure is sent at once, and its code replaces that of our waiting close frame', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive, sent } = openConnection(role, { compression });
      connection.sendText('a');
      connection.close(1000, '');
      receive('83');
      compression.finishJobs();
      expect(sent()).toEqual(['88 03ea']);
      expect(sink.events).toEqual(['fail ERR_RESERVED_OPCODE 1002']);
    });

    test('abandon() drops all waiting messages and the close frame', () => {
      const compression = new FakeCompression(false);
      const { connection, sent } = openConnection(role, { compression });
      connection.sendText('a');
      connection.sendText('b');
      connection.close(1000, '');
      connection.abandon();
      compression.finishJobs();
      expect(sent()).toEqual([]);
    });
  });

  describe('an asynchronous inflater', () => {
    test('onInflating() reports the beginning and the end of inflating', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive } = openConnection(role, { compression });
      receive('c1 6461');
      expect(sink.inflating).toEqual([true]);
      receive('c1 6462');
      compression.finishJob();
      expect(sink.inflating).toEqual([true, false, true]);
      compression.isAtOnce = true;
      compression.finishJob();
      receive('c1 6463');
      expect(sink.inflating).toEqual([true, false, true, false]);
      expect(sink.events).toEqual(['text a', 'text b', 'text c']);

      compression.isAtOnce = false;
      receive('c1 6464');
      connection.abandon();
      compression.finishJob();
      expect(sink.inflating.slice(4)).toEqual([true, false]);
    });

    test('later frames wait for the message', () => {
      const compression = new FakeCompression(false);
      const { sink, receive, sent } = openConnection(role, { compression });
      receive('c1 6461', '89 01');
      receive('81 62');
      expect(sink.events).toEqual([]);
      expect(sent()).toEqual([]);
      compression.finishJob();
      expect(sink.events).toEqual(['text a', 'ping 01', 'text b']);
    });

    test('a message that is inflated during a pause is reported by resume(), in order', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive } = openConnection(role, { compression });
      receive('c1 6461', '81 62');
      connection.pause();
      compression.finishJob();
      expect(sink.events).toEqual([]);
      connection.resume();
      expect(sink.events).toEqual(['text a', 'text b']);
    });

    test('resume() during inflating does not report later messages', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive } = openConnection(role, { compression });
      receive('c1 6461', '81 62');
      connection.pause();
      connection.resume();
      expect(sink.events).toEqual([]);
      compression.finishJob();
      expect(sink.events).toEqual(['text a', 'text b']);
    });

    test('pause() within onMessage holds back later messages', () => {
      for (const isPausedBefore of [false, true]) {
        const compression = new FakeCompression(false);
        const { connection, sink, receive } = openConnection(role, { compression });
        sink.onEvent = () => connection.pause();
        receive('c1 6461', '81 62');
        if (isPausedBefore) connection.pause();
        compression.finishJob();
        if (isPausedBefore) connection.resume();
        expect(sink.events).toEqual(['text a']);
        connection.resume();
        expect(sink.events).toEqual(['text a', 'text b']);
      }
    });

    test('resume() within onMessage does not nest events', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive } = openConnection(role, { compression });
      const seen: string[][] = [];
      sink.onEvent = (event) => {
        connection.pause();
        connection.resume();
        if (event === 'text a') seen.push([...sink.events]);
      };
      receive('c1 6461', '81 62');
      connection.pause();
      compression.finishJob();
      connection.resume();
      expect(seen).toEqual([['text a']]);
      expect(sink.events).toEqual(['text a', 'text b']);
    });

    test.each(['c1 6461', 'c1 64ff', 'c1 00'])('after close() the message %s is not reported', (message) => {
      for (const isPaused of [false, true]) {
        const compression = new FakeCompression(false);
        const { connection, sink, receive } = openConnection(role, { compression });
        receive(message, '88 03e8');
        if (isPaused) connection.pause();
        connection.close(1000, '');
        compression.finishJob();
        connection.resume();
        expect(sink.events).toEqual(['close 1000']);
      }
    });

    test('close() between the end of inflating and resume() drops the message', () => {
      const compression = new FakeCompression(false);
      const { connection, sink, receive } = openConnection(role, { compression });
      receive('c1 6461', '88 03e8');
      connection.pause();
      compression.finishJob();
      connection.close(1000, '');
      connection.resume();
      expect(sink.events).toEqual(['close 1000']);
    });

    test.each(['before', 'after'])(
      'onInflating(false) is called when the connection fails %s the end of inflating',
      (order) => {
        const compression = new FakeCompression(false);
        const { connection, sink, receive } = openConnection(role, { compression });
        receive('c1 6461');
        connection.pause();
        if (order === 'before') connection.fail(LOST);
        compression.finishJob();
        if (order === 'after') connection.fail(LOST);
        expect(sink.inflating).toEqual([true, false]);
      },
    );

    test('after a failure the message is not reported', () => {
      for (const isPaused of [false, true]) {
        const compression = new FakeCompression(false);
        const { connection, sink, receive } = openConnection(role, { compression });
        receive('c1 6461', '81 62');
        if (isPaused) connection.pause();
        connection.fail(LOST);
        compression.finishJob();
        connection.resume();
        expect(sink.events).toEqual(['fail ERR_CONNECTION_LOST 1006']);
      }
    });
  });
});

describe('messages that many connections send', () => {
  beforeEach(forgetSharedMessage);

  test('are framed once and sent without a copy', () => {
    const message = new PreparedMessage('Hello');
    const all = [openConnection('server'), openConnection('server')];
    for (const { connection } of all) connection.sendPrepared(message);
    expect(all.map(({ sent }) => sent())).toEqual([['81 48656c6c6f'], ['81 48656c6c6f']]);
    for (const { output } of all) expect(output.shared[0]).toBe(message.frame);
  });

  test('are shared from the second sendText() with the same text on', () => {
    const all = [openConnection('server'), openConnection('server'), openConnection('server')];
    for (const { connection } of all) connection.sendText('Hello');
    expect(all.map(({ sent }) => sent())).toEqual(all.map(() => ['81 48656c6c6f']));
    expect(all.map(({ output }) => output.shared.length)).toEqual([0, 1, 1]);
    expect(all[1]!.output.shared[0]).toBe(all[2]!.output.shared[0]);
  });

  test('RFC 6455 5.3: are not shared by clients, whose frames have different masks', () => {
    const { connection, output, sent } = openConnection('client');
    for (let i = 0; i < 3; i++) connection.sendText('Hello');
    expect(output.shared).toEqual([]);
    expect(sent()).toEqual(['81 48656c6c6f', '81 48656c6c6f', '81 48656c6c6f']);
  });

  test('are not sent once the connection is closing', () => {
    const { connection, sent } = openConnection('server');
    connection.close(1000, '');
    connection.sendPrepared(new PreparedMessage('a'));
    connection.sendFinished(hex('810161'));
    expect(sent()).toEqual(['88 03e8']);
  });

  test.each([
    ['at once', true],
    ['later', false],
  ])('are compressed once, %s, by a deflater that is shared', (_, isAtOnce) => {
    const compression = new FakeCompression(isAtOnce, true);
    const all = [1, 2, 3].map(() => openConnection('server', { compression }));
    const message = new PreparedMessage('a');
    for (const { connection } of all) connection.sendPrepared(message);
    for (const { connection } of all) connection.sendText('b', false);
    compression.finishJobs();
    expect(all.map(({ sent }) => sent())).toEqual(all.map(() => ['c1 6461', '81 62']));
    expect(compression.deflated).toBe(1);
  });

  test('are compressed for each connection when its deflater keeps a context', () => {
    const compressions = [new FakeCompression(true), new FakeCompression(true)];
    const all = compressions.map((compression) => openConnection('server', { compression }));
    const message = new PreparedMessage('a');
    for (const { connection } of all) connection.sendPrepared(message);
    expect(all.map(({ sent }) => sent())).toEqual([['c1 6461'], ['c1 6461']]);
    expect(compressions.map(({ deflated }) => deflated)).toEqual([1, 1]);
  });

  test('keep their place behind a message that is being compressed', () => {
    const compression = new FakeCompression(false, true);
    const { connection, sent } = openConnection('server', { compression });
    connection.sendText('a');
    connection.sendPrepared(new PreparedMessage('b'), false);
    connection.sendPrepared(new PreparedMessage(hex('63')), true);
    connection.sendFinished(hex('810164'));
    compression.finishJobs();
    expect(sent()).toEqual(['c1 6461', '81 62', 'c2 6463', '81 64']);
  });

  test('reach all other connections when one ends while they are compressed', () => {
    const compression = new FakeCompression(false, true);
    const all = [1, 2, 3].map(() => openConnection('server', { compression }));
    const message = new PreparedMessage('a');
    for (const { connection } of all) connection.sendPrepared(message);
    all[0]!.connection.abandon();
    all[1]!.connection.fail(LOST);
    compression.finishJobs();
    expect(all.map(({ sent }) => sent())).toEqual([[], [], ['c1 6461']]);
  });
});

describe('large payloads', () => {
  test('are sent by a server without a copy', () => {
    const { connection, output } = openConnection('server');
    const payload = Buffer.alloc(16_384, 1);
    connection.sendBinary(payload);
    expect(output.appended.length).toBe(2);
    expect(output.appended[1]).toBe(payload);
  });

  test.each([16_384, 65_535, 65_536, 65_537, 131_072, 131_073, 200_001])(
    'of %i bytes are masked by a client in a copy',
    (length) => {
      const { connection, output } = openConnection('client');
      const payload = Buffer.alloc(length, '0123456789');
      connection.sendBinary(payload);
      expect(output.appended).toEqual([]);
      const frames = readFrames(output.bytes, 'client');
      expect(frames).toHaveLength(1);
      expect(frames[0]!.payload.equals(payload)).toBe(true);
      expect(payload.equals(Buffer.alloc(length, '0123456789'))).toBe(true);
    },
  );
});

describe.each(ROLES)('partialMessageId of the %s', (role) => {
  test('RFC 6455 10.4: identifies each incomplete message, and control frames in between do not change it', () => {
    const { connection } = openConnection(role);
    const whole = peerFrames(role, '81 6161');
    const numbers: number[] = [connection.partialMessageId];
    const feed = (bytes: Buffer): void => {
      connection.receive(Buffer.from(bytes));
      numbers.push(connection.partialMessageId);
    };
    feed(whole.subarray(0, 1));
    feed(whole.subarray(1, whole.length - 1));
    feed(whole.subarray(whole.length - 1));
    feed(peerFrames(role, '01 61'));
    feed(peerFrames(role, '89 70'));
    feed(peerFrames(role, '89 70').subarray(0, -1));
    feed(peerFrames(role, '89 70').subarray(-1));
    feed(peerFrames(role, '80 61'));
    feed(peerFrames(role, '8a 70').subarray(0, -1));
    feed(peerFrames(role, '8a 70').subarray(-1));
    feed(whole.subarray(0, 1));
    const [one, two, three, four] = [numbers[1], numbers[4], numbers[9], numbers[11]];
    expect(new Set([0, one, two, three, four]).size).toBe(5);
    expect(numbers).toEqual([0, one, one, 0, two, two, two, two, 0, three, 0, four]);
    connection.close(1000, '');
    expect(connection.partialMessageId).toBe(0);
  });
});
