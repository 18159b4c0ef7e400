import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { type FrameListener, FrameParser } from '../../src/protocol/frame-parser.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { frame, type FrameOptions, hex, otherRole, ROLES } from '../helpers/frames.ts';

/**
 * Records calls as texts: `header 81 5`, `payload 48656c6c6f.` (a dot ends the frame), `control 9 00`, `violation
 * ERR_…`.
 */
class RecordingListener implements FrameListener {
  readonly calls: string[] = [];
  readonly asciiPieces: boolean[] = [];
  readonly messages: string[] = [];
  readonly payloads: Buffer[] = [];
  acceptsHeaders = true;
  onCall: ((call: string) => void) | undefined;

  onDataHeader(firstByte: number, payloadBytes: number): boolean {
    this.#record(`header ${firstByte.toString(16).padStart(2, '0')} ${payloadBytes}`);
    return this.acceptsHeaders;
  }

  onDataPayload(bytes: Buffer, start: number, end: number, isAscii: boolean, isLast: boolean): void {
    this.asciiPieces.push(isAscii);
    this.#record(`payload ${bytes.toString('hex', start, end)}${isLast ? '.' : ''}`);
  }

  onControlFrame(opcode: number, payload: Buffer): void {
    this.payloads.push(payload);
    this.#record(`control ${opcode} ${payload.toString('hex')}`.trim());
  }

  onFramingViolation(code: ErrorCode, message: string): void {
    this.messages.push(message);
    this.#record(`violation ${code}`);
  }

  /** The calls with the pieces of each payload joined, which must be the same for every split of a stream. */
  get joined(): string[] {
    const result: string[] = [];
    for (const call of this.calls) {
      const last = result.at(-1);
      const continuesPayload = call.startsWith('payload ') && last?.startsWith('payload ') && !last.endsWith('.');
      if (continuesPayload) result[result.length - 1] = last + call.slice('payload '.length);
      else result.push(call);
    }
    return result;
  }

  #record(call: string): void {
    this.calls.push(call);
    this.onCall?.(call);
  }
}

interface Setup {
  readonly parser: FrameParser;
  readonly listener: RecordingListener;
}

function setUp(role: Role, allowedReservedBits = 0): Setup {
  const listener = new RecordingListener();
  return { parser: new FrameParser(listener, role === 'server', allowedReservedBits), listener };
}

/** Returns the calls for a stream that arrives in pieces of `pieceBytes`. */
function parse(role: Role, stream: Buffer, pieceBytes: number, allowedReservedBits = 0): string[] {
  const { parser, listener } = setUp(role, allowedReservedBits);
  for (let offset = 0; offset < stream.length; offset += pieceBytes) {
    // The parser unmasks in place, so it gets a copy.
    parser.receive(Buffer.from(stream.subarray(offset, offset + pieceBytes)));
  }
  return listener.joined;
}

/** Returns the calls for a stream, and checks that every size of pieces gives the same calls. */
function parseEverySplit(role: Role, stream: Buffer, allowedReservedBits = 0): string[] {
  const whole = parse(role, stream, stream.length, allowedReservedBits);
  for (let pieceBytes = 1; pieceBytes < Math.min(stream.length, 40); pieceBytes++) {
    expect(parse(role, stream, pieceBytes, allowedReservedBits)).toEqual(whole);
  }
  return whole;
}

const A_MESSAGE = '81 61';

function peerStream(role: Role, ...frames: string[]): Buffer {
  return Buffer.concat(
    frames.map((text) => {
      const [first, payload] = text.split(' ');
      return frame(otherRole(role), first!, payload);
    }),
  );
}

describe('RFC 6455 5.7: the examples', () => {
  test.each([
    ['a text message', 'client', '81 05 48 65 6c 6c 6f', ['header 81 5', 'payload 48656c6c6f.']],
    ['a masked text message', 'server', '81 85 37 fa 21 3d 7f 9f 4d 51 58', ['header 81 5', 'payload 48656c6c6f.']],
    [
      'a fragmented text message',
      'client',
      '01 03 48 65 6c 80 02 6c 6f',
      ['header 01 3', 'payload 48656c.', 'header 80 2', 'payload 6c6f.'],
    ],
    ['a ping', 'client', '89 05 48 65 6c 6c 6f', ['control 9 48656c6c6f']],
    ['a masked pong', 'server', '8a 85 37 fa 21 3d 7f 9f 4d 51 58', ['control 10 48656c6c6f']],
  ] as const)('RFC 6455 5.7: %s', (_, role, stream, calls) => {
    expect(parseEverySplit(role, hex(stream))).toEqual(calls);
  });
});

describe.each(ROLES)('the %s', (role) => {
  const sender = otherRole(role);

  function parseOne(first: string, payload: string | Uint8Array = '', options: FrameOptions = {}): string[] {
    return parseEverySplit(role, frame(sender, first, payload, options));
  }

  describe('lengths', () => {
    test.each([1, 2, 125, 126, 127, 255, 256, 65_535, 65_536, 70_000])(
      'RFC 6455 5.2: a length of %i in the shortest form is accepted',
      (length) => {
        const payload = Buffer.alloc(length, 0x2a);
        const expected = [`header 82 ${length}`, `payload ${payload.toString('hex')}.`];
        const stream = frame(sender, '82', payload);
        for (const pieceBytes of [stream.length, 1000, 7]) expect(parse(role, stream, pieceBytes)).toEqual(expected);
      },
    );

    test('RFC 6455 5.2: a frame without payload is reported', () => {
      expect(parseOne('81')).toEqual(['header 81 0', 'payload .']);
    });

    test.each([
      ['0 in 2 bytes', 0n, 2],
      ['125 in 2 bytes', 125n, 2],
      ['0 in 8 bytes', 0n, 8],
      ['126 in 8 bytes', 126n, 8],
      ['65535 in 8 bytes', 65_535n, 8],
      ['the highest bit set', 1n << 63n, 8],
      ['all bits set', (1n << 64n) - 1n, 8],
    ] as const)('RFC 6455 5.2: a length of %s fails', (_, length, lengthBytes) => {
      expect(parseOne('82', '', { length, lengthBytes })).toEqual(['violation ERR_LENGTH_NOT_MINIMAL']);
    });

    test.each([
      ['just below 2^32', (1n << 32n) - 1n],
      ['2^32', 1n << 32n],
      ['2^53 - 1', (1n << 53n) - 1n],
      ['2^53', 1n << 53n],
      ['2^62', 1n << 62n],
    ])('RFC 6455 5.2: a length of %s is reported before any payload arrives', (_, length) => {
      expect(parseOne('82', '', { length })).toEqual([`header 82 ${Number(length)}`]);
    });

    test('RFC 6455 5.2: a length above 2^53 is not mistaken for a small one', () => {
      expect(parseOne('82', '', { length: (1n << 53n) + 1n })).toEqual(['header 82 9007199254740992']);
      expect(parseOne('82', '', { length: (1n << 63n) - 1n })).toEqual([`header 82 ${2 ** 63}`]);
    });
  });

  describe('reserved bits', () => {
    test.each(['c1', 'a1', '91', 'f1', 'c0', 'a2', '99', 'c8', 'aa'])(
      'RFC 6455 5.2: a reserved bit that no negotiated extension uses fails (%s)',
      (first) => {
        expect(parseOne(first, '00')).toEqual(['violation ERR_RESERVED_BITS']);
      },
    );

    test.each(['c1', 'c2', '41', 'c0'])(
      'RFC 7692 6: RSV1 passes on the data frame %s when it was negotiated',
      (first) => {
        expect(parseEverySplit(role, frame(sender, first, '00'), 0x40)).toEqual([`header ${first} 1`, 'payload 00.']);
      },
    );

    test.each(['a1', '91', 'e1', 'd2', 'f1'])(
      'RFC 7692 6: RSV2 and RSV3 fail when RSV1 was negotiated (%s)',
      (first) => {
        expect(parseEverySplit(role, frame(sender, first, '00'), 0x40)).toEqual(['violation ERR_RESERVED_BITS']);
      },
    );

    test.each(['c8', 'c9', 'ca'])(
      'RFC 7692 6.1: RSV1 on the control frame %s fails even when it was negotiated',
      (first) => {
        expect(parseEverySplit(role, frame(sender, first, '03e8'), 0x40)).toEqual(['violation ERR_RESERVED_BITS']);
      },
    );
  });

  describe('opcodes', () => {
    test.each(['83', '84', '85', '86', '87', '8b', '8c', '8d', '8e', '8f', '03', '0f'])(
      'RFC 6455 5.2: the reserved opcode of %s fails',
      (first) => {
        expect(parseOne(first)).toEqual(['violation ERR_RESERVED_OPCODE']);
      },
    );

    test.each(['80', '81', '82', '00', '01', '02'])('RFC 6455 5.2: %s is a data frame', (first) => {
      expect(parseOne(first, '61')).toEqual([`header ${first} 1`, 'payload 61.']);
    });

    test.each([
      ['88', '03e8', 'control 8 03e8'],
      ['89', '', 'control 9'],
      ['8a', '00', 'control 10 00'],
    ])('RFC 6455 5.5: %s is a control frame', (first, payload, call) => {
      expect(parseOne(first, payload)).toEqual([call]);
    });
  });

  describe('masks', () => {
    const [key, code] = role === 'server' ? [null, 'ERR_MASK_REQUIRED'] : ['00000000', 'ERR_MASK_FORBIDDEN'];

    test.each(['81', '82', '00', '88', '89', '8a'])('RFC 6455 5.1: %s with the wrong mask bit fails', (first) => {
      expect(parseOne(first, '61', { key })).toEqual([`violation ${code}`]);
    });

    test('RFC 6455 5.3: each frame has its own key', () => {
      const keys = role === 'server' ? ['37fa213d', '00000000', 'ffffffff', '80000001'] : [null, null, null, null];
      const payload = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 0xff));
      const stream = Buffer.concat(keys.map((each) => frame(sender, '82', payload, { key: each })));
      const expected = keys.flatMap(() => ['header 82 300', `payload ${payload.toString('hex')}.`]);
      expect(parseEverySplit(role, stream)).toEqual(expected);
    });
  });

  describe('control frames', () => {
    test.each(['88', '89', '8a'])('RFC 6455 5.5: %s may have 125 payload bytes', (first) => {
      const payload = Buffer.from(Array.from({ length: 125 }, (_, i) => i));
      const opcode = Number.parseInt(first, 16) & 0x0f;
      expect(parseOne(first, payload)).toEqual([`control ${opcode} ${payload.toString('hex')}`]);
    });

    test.each(['88', '89', '8a'])('RFC 6455 5.5: %s with 126 payload bytes or more fails', (first) => {
      expect(parseOne(first, '', { length: 126n })).toEqual(['violation ERR_CONTROL_FRAME_TOO_LONG']);
      expect(parseOne(first, '', { length: 65_536n })).toEqual(['violation ERR_CONTROL_FRAME_TOO_LONG']);
      expect(parseOne(first, '', { length: 5n, lengthBytes: 2 })).toEqual(['violation ERR_CONTROL_FRAME_TOO_LONG']);
    });

    test.each(['08', '09', '0a'])('RFC 6455 5.5: the fragmented control frame %s fails', (first) => {
      expect(parseOne(first)).toEqual(['violation ERR_CONTROL_FRAME_FRAGMENTED']);
    });

    test('RFC 6455 5.4: control frames are reported between the fragments of a message', () => {
      expect(parseEverySplit(role, peerStream(role, '01 61', '89 01', '00', '8a', '80 62', '88 03e8'))).toEqual([
        'header 01 1',
        'payload 61.',
        'control 9 01',
        'header 00 0',
        'payload .',
        'control 10',
        'header 80 1',
        'payload 62.',
        'control 8 03e8',
      ]);
    });

    test('RFC 6455 5.5: a control frame in many chunks leaves no bytes in the next one', () => {
      const stream = peerStream(role, '89 0102030405', '8a 0607', '89', '89 08090a');
      const expected = ['control 9 0102030405', 'control 10 0607', 'control 9', 'control 9 08090a'];
      expect(parseEverySplit(role, stream)).toEqual(expected);
    });
  });

  describe('violations', () => {
    test('RFC 6455 7.1.7: nothing is reported after a violation', () => {
      expect(parseEverySplit(role, peerStream(role, A_MESSAGE, '83', A_MESSAGE, '89'))).toEqual([
        'header 81 1',
        'payload 61.',
        'violation ERR_RESERVED_OPCODE',
      ]);
    });

    test('RFC 6455 7.1.7: a violation is reported with the second byte', () => {
      const { parser, listener } = setUp(role);
      const stream = frame(sender, '83');
      parser.receive(stream.subarray(0, 1));
      expect(listener.calls).toEqual([]);
      parser.receive(stream.subarray(1, 2));
      expect(listener.calls).toEqual(['violation ERR_RESERVED_OPCODE']);
    });

    test('error messages say which rule was broken', () => {
      const wrongKey = role === 'server' ? null : '00000000';
      const messages = [
        frame(sender, 'c1'),
        frame(sender, '83'),
        frame(sender, '81', '', { key: wrongKey }),
        frame(sender, '09'),
        frame(sender, '89', '', { length: 126n }),
        frame(sender, '82', '', { length: 125n, lengthBytes: 2 }),
        frame(sender, '82', '', { length: 65_535n, lengthBytes: 8 }),
        frame(sender, '82', '', { length: 1n << 63n }),
      ].flatMap((stream) => {
        const { parser, listener } = setUp(role);
        parser.receive(stream);
        return listener.messages;
      });
      expect(messages).toEqual([
        'invalid frame: a reserved bit is set, but no negotiated extension uses it',
        'invalid frame: opcode 3 is reserved',
        role === 'server'
          ? 'invalid frame: a client must mask its frames'
          : 'invalid frame: a server must not mask its frames',
        'invalid frame: a control frame must not be fragmented',
        'invalid frame: a control frame must not have more than 125 payload bytes',
        'invalid frame: the payload length 125 is not in its shortest form',
        'invalid frame: the payload length 65535 is not in its shortest form',
        'invalid frame: the highest bit of a 64-bit payload length is set',
      ]);
    });
  });

  describe('refusing and stopping', () => {
    test('a refused header stops the parser: its payload and all further frames are discarded', () => {
      const { parser, listener } = setUp(role);
      listener.acceptsHeaders = false;
      listener.onCall = () => parser.stop();
      parser.receive(peerStream(role, '82 010203', A_MESSAGE));
      parser.receive(peerStream(role, A_MESSAGE));
      expect(listener.calls).toEqual(['header 82 3']);
    });

    test('stop() within a listener call discards the rest of the chunk', () => {
      const { parser, listener } = setUp(role);
      listener.onCall = () => parser.stop();
      parser.receive(peerStream(role, '89 01', '89 02'));
      parser.receive(peerStream(role, '89 03'));
      expect(listener.calls).toEqual(['control 9 01']);
    });

    test('stop() discards an incomplete header, an incomplete control frame and paused chunks', () => {
      for (const cut of [1, frame(sender, '89', '0102').length - 1]) {
        const { parser, listener } = setUp(role);
        const stream = frame(sender, '89', '0102');
        parser.receive(stream.subarray(0, cut));
        parser.stop();
        parser.receive(stream.subarray(cut));
        expect(listener.calls).toEqual([]);
      }
      const { parser, listener } = setUp(role);
      parser.pause();
      parser.receive(peerStream(role, '89'));
      parser.stop();
      parser.resume();
      expect(listener.calls).toEqual([]);
    });
  });

  describe('pausing', () => {
    test('frames that arrive during a pause are reported by resume(), in order', () => {
      const { parser, listener } = setUp(role);
      parser.pause();
      for (const text of ['89 01', '89 02', '89 03']) {
        const chunk = peerStream(role, text);
        parser.receive(chunk);
        // The owner of the chunk uses its memory again.
        chunk.fill(0xff);
      }
      expect(listener.calls).toEqual([]);
      parser.resume();
      expect(listener.calls).toEqual(['control 9 01', 'control 9 02', 'control 9 03']);
      parser.receive(peerStream(role, '89 04'));
      expect(listener.calls.at(-1)).toBe('control 9 04');
    });

    test('pause() within a listener call takes effect at once, and again after each resume()', () => {
      const { parser, listener } = setUp(role);
      listener.onCall = () => parser.pause();
      parser.receive(peerStream(role, '89 01', '89 02', '89 03'));
      parser.receive(peerStream(role, '89 04'));
      const counts = [1, 2, 3, 4, 5].map(() => {
        const count = listener.calls.length;
        parser.resume();
        return count;
      });
      expect(counts).toEqual([1, 2, 3, 4, 4]);
      expect(listener.calls).toEqual(['control 9 01', 'control 9 02', 'control 9 03', 'control 9 04']);
    });

    test('pause() at the last byte of a chunk holds back later chunks', () => {
      const { parser, listener } = setUp(role);
      listener.onCall = () => parser.pause();
      parser.receive(peerStream(role, '89 01'));
      parser.receive(peerStream(role, '89 02'));
      parser.receive(peerStream(role, '89 03'));
      expect(listener.calls).toEqual(['control 9 01']);
      parser.resume();
      parser.receive(peerStream(role, '89 04'));
      expect(listener.calls).toEqual(['control 9 01', 'control 9 02']);
      parser.resume();
      parser.resume();
      expect(listener.calls).toEqual(['control 9 01', 'control 9 02', 'control 9 03', 'control 9 04']);
    });

    test('resume() within the same listener call as pause() cancels the pause', () => {
      const { parser, listener } = setUp(role);
      listener.onCall = () => {
        parser.pause();
        parser.resume();
      };
      parser.receive(peerStream(role, '89 01', '89 02'));
      parser.pause();
      parser.receive(peerStream(role, '89 03', '89 04'));
      parser.receive(peerStream(role, '89 05'));
      parser.resume();
      expect(listener.calls).toEqual([1, 2, 3, 4, 5].map((i) => `control 9 0${i}`));
    });

    test('resume() without a pause does nothing', () => {
      const { parser, listener } = setUp(role);
      parser.resume();
      parser.receive(peerStream(role, '89'));
      parser.resume();
      expect(listener.calls).toEqual(['control 9']);
    });

    test('a pause between any two bytes of headers and payloads changes no frame', () => {
      const stream = peerStream(role, '01 616263', '89 0102', `80 ${'64'.repeat(200)}`, '88 03e8');
      const expected = parse(role, stream, stream.length);
      for (let cut = 0; cut <= stream.length; cut++) {
        const { parser, listener } = setUp(role);
        parser.receive(Buffer.from(stream.subarray(0, cut)));
        parser.pause();
        for (const byte of stream.subarray(cut)) parser.receive(Buffer.from([byte]));
        parser.resume();
        expect(listener.joined).toEqual(expected);
      }
    });

    test('stop() within resume() discards the paused chunks', () => {
      const { parser, listener } = setUp(role);
      parser.pause();
      for (const text of ['89 01', '89 02', '89 03']) parser.receive(peerStream(role, text));
      listener.onCall = () => parser.stop();
      parser.resume();
      parser.receive(peerStream(role, '89 04'));
      expect(listener.calls).toEqual(['control 9 01']);
    });

    test('100 000 paused chunks are reported one frame at a time', () => {
      const { parser, listener } = setUp(role);
      const chunks = 100_000;
      listener.onCall = () => parser.pause();
      for (let i = 0; i < chunks; i++) parser.receive(frame(sender, '89'));
      for (let i = 1; i < chunks; i++) parser.resume();
      expect(listener.calls.length).toBe(chunks);
    });

    test('a paused rest is a copy that does not keep the whole chunk in memory', () => {
      const { parser, listener } = setUp(role);
      const chunk = Buffer.concat([frame(sender, '82', Buffer.alloc(100_000)), frame(sender, '89', '0102')]);
      listener.onCall = (call) => {
        if (call.endsWith('.')) parser.pause();
      };
      parser.receive(chunk);
      parser.resume();
      expect(listener.payloads.map((payload) => payload.toString('hex'))).toEqual(['0102']);
      expect(listener.payloads[0]!.buffer).not.toBe(chunk.buffer);
    });
  });
});

describe('RFC 6455 5.3: isAscii', () => {
  test('is known on the server, which unmasks', () => {
    const { parser, listener } = setUp('server');
    parser.receive(peerStream('server', '81 617f', '81 c3a9'));
    expect(listener.asciiPieces).toEqual([true, false]);
  });

  test('is false on the client, which does not look at the bytes', () => {
    const { parser, listener } = setUp('client');
    parser.receive(peerStream('client', '81 617f', '81 c3a9'));
    expect(listener.asciiPieces).toEqual([false, false]);
  });
});

describe('a long chunk, which is unmasked in memory shared by all parsers,', () => {
  const frames = Array.from({ length: 40 }, (_, i) => frame('client', '82', Buffer.alloc(10, i)));
  const all = Buffer.concat(frames);
  const expected = frames.flatMap((_, i) => ['header 82 10', `payload ${Buffer.alloc(10, i).toString('hex')}.`]);

  test('is parsed correctly while a listener makes another parser parse another chunk', () => {
    const [outer, inner] = [new RecordingListener(), new RecordingListener()];
    const [outerParser, innerParser] = [new FrameParser(outer, true, 0), new FrameParser(inner, true, 0)];
    outer.onCall = (call) => {
      if (call.startsWith('payload 0a')) innerParser.receive(Buffer.from(all));
    };
    outerParser.receive(Buffer.from(all));
    expect(inner.calls).toEqual(expected);
    expect(outer.calls).toEqual(expected);
  });

  test('is parsed correctly when the listener pauses after each frame', () => {
    const listener = new RecordingListener();
    const parser = new FrameParser(listener, true, 0);
    listener.onCall = (call) => {
      if (call.startsWith('payload')) parser.pause();
    };
    parser.receive(Buffer.from(all));
    const other = new FrameParser(new RecordingListener(), true, 0);
    for (let i = 0; i < frames.length; i++) {
      expect(listener.calls).toEqual(expected.slice(0, 2 * (i + 1)));
      other.receive(Buffer.from(all));
      parser.resume();
    }
    expect(listener.calls).toEqual(expected);
  });
});
