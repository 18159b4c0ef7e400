import { describe, expect, onTestFinished, test } from 'vitest';
import type { ErrorCode, ErrorDetails } from '../../src/errors.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';
import { MessageAssembler, type MessageLimits, type MessageListener } from '../../src/protocol/message-assembler.ts';
import type { TransformDone } from '../../src/protocol/compression.ts';
import { hex } from '../helpers/frames.ts';
import { heldBytes } from '../helpers/memory.ts';

/** Records calls as texts: `text Hello`, `bytes 0102`, `violation ERR_…: message`, `inflating`, `inflated`. */
class RecordingListener implements MessageListener {
  staleMs = 0;
  readonly calls: string[] = [];
  readonly messages: (string | Buffer)[] = [];
  readonly details: (ErrorDetails | undefined)[] = [];
  readonly reports: (() => void)[] = [];

  onAssembledMessage(data: string | Buffer, isText: boolean): void {
    this.messages.push(data);
    if (typeof data === 'string') this.calls.push(`text ${data}`);
    else this.calls.push(`${isText ? 'text as bytes' : 'bytes'} ${data.toString('hex')}`.trim());
  }

  onMessageViolation(code: ErrorCode, message: string, details?: ErrorDetails): void {
    this.details.push(details);
    this.calls.push(`violation ${code}: ${message}`);
  }

  onInflating(): void {
    this.calls.push('inflating');
  }

  onInflated(report: () => void): void {
    this.calls.push('inflated');
    this.reports.push(report);
  }
}

/** Stores requests until the test answers them. */
class WaitingInflater {
  readonly requests: { compressed: string; maxBytes: number; done: TransformDone }[] = [];
  /** The memory of the last request. */
  memory: Buffer = Buffer.alloc(0);

  inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void {
    this.memory = compressed;
    this.requests.push({ compressed: compressed.toString('hex'), maxBytes, done });
  }
}

interface Setup {
  readonly assembler: MessageAssembler;
  readonly listener: RecordingListener;
  readonly inflater: WaitingInflater;
  /** Feeds frames such as `'01 48656c'`; a `|` cuts the payload into pieces. */
  readonly feed: (...frames: string[]) => void;
}

function setUp(limits: Partial<MessageLimits> = {}, decodesText = true): Setup {
  const listener = new RecordingListener();
  const inflater = new WaitingInflater();
  const assembler = new MessageAssembler(
    listener,
    { maxMessageBytes: 1_048_576, maxFragments: 1024, ...limits },
    decodesText,
    inflater,
  );
  const feed = (...frames: string[]): void => {
    for (const text of frames) {
      const [first, ...rest] = text.split(' ');
      const pieces = rest.join('').split('|').map(hex);
      const payloadBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      if (!assembler.begin(Number.parseInt(first!, 16), payloadBytes)) return;
      for (const [i, piece] of pieces.entries()) {
        take(assembler, piece, i === pieces.length - 1);
        // A violation stops the parser, so no more pieces arrive.
        if (listener.calls.at(-1)?.startsWith('violation')) return;
      }
    }
  };
  return { assembler, listener, inflater, feed };
}

/** Passes a piece from the middle of a chunk, which is overwritten afterwards. */
function take(assembler: MessageAssembler, piece: Buffer, isLast: boolean): void {
  const chunk = Buffer.concat([hex('ffff'), piece, hex('ff')]);
  const isAscii = piece.every((byte) => byte < 0x80);
  assembler.take(chunk, 2, 2 + piece.length, isAscii, isLast);
  chunk.fill(0xff);
}

describe('RFC 6455 5.6: messages in one frame', () => {
  test.each([
    ['an empty text', '81', 'text '],
    ['ASCII', '81 48656c6c6f', 'text Hello'],
    ['UTF-8', '81 c3a9e282acf09f9880', 'text é€😀'],
    ['a text that begins with a byte order mark', '81 efbbbf61', 'text \uFEFFa'],
    ['no bytes', '82', 'bytes'],
    ['bytes that are no text', '82 ff00fe', 'bytes ff00fe'],
    ['a text in pieces', '81 48|656c6c|6f', 'text Hello'],
    ['a text cut inside a character', '81 61e2|82|acf0|9f98|80', 'text a€😀'],
    ['bytes in pieces', '82 ff|00|fe', 'bytes ff00fe'],
  ])('RFC 6455 5.6: %s', (_, frame, call) => {
    const { listener, feed } = setUp();
    feed(frame);
    expect(listener.calls).toEqual([call]);
  });

  test.each([
    ['81', 'text as bytes'],
    ['81 c3a9', 'text as bytes c3a9'],
    ['81 61|62', 'text as bytes 6162'],
    ['82 ff', 'bytes ff'],
  ])('RFC 6455 5.6: text stays bytes when decodesText is false (%s)', (frame, call) => {
    const { listener, feed } = setUp({}, false);
    feed(frame);
    expect(listener.calls).toEqual([call]);
  });

  test('delivered bytes share no memory with later messages', () => {
    const { listener, feed } = setUp();
    feed('82 0102', '82 03|04', '02 05', '80 06', '82 0708');
    expect(listener.messages.map((data) => Buffer.from(data as Buffer).toString('hex'))).toEqual([
      '0102',
      '0304',
      '0506',
      '0708',
    ]);
  });
});

describe('RFC 6455 5.4: fragmented messages', () => {
  test.each([
    ['text', ['01 48656c', '00 6c', '80 6f'], 'text Hello'],
    ['bytes', ['02 ff', '00', '80 fe'], 'bytes fffe'],
    ['empty fragments before all of it', ['01', '00', '80 6869'], 'text hi'],
    ['empty fragments after all of it', ['01 6869', '00', '80'], 'text hi'],
    ['nothing but empty fragments', ['02', '00', '80'], 'bytes'],
    ['nothing but empty text fragments', ['01', '00', '80'], 'text '],
    ['a character cut by fragments', ['01 f0', '00 9f', '00', '00 98', '80 80'], 'text 😀'],
    ['fragments in pieces', ['01 61|62', '80 63|64'], 'text abcd'],
  ])('RFC 6455 5.4: %s', (_, frames, call) => {
    const { listener, feed } = setUp();
    feed(...frames, '81 656e64');
    expect(listener.calls).toEqual([call, 'text end']);
  });

  test('RFC 6455 5.4: fragmented text stays bytes when decodesText is false', () => {
    const { listener, feed } = setUp({}, false);
    feed('01 c3', '80 a9');
    expect(listener.calls).toEqual(['text as bytes c3a9']);
  });

  test.each(['00', '80'])('RFC 6455 5.4: the continuation %s without a message fails', (first) => {
    const { listener, feed } = setUp();
    feed('81 61', `${first} 62`);
    expect(listener.calls).toEqual([
      'text a',
      'violation ERR_UNEXPECTED_CONTINUATION: invalid frame: a continuation frame came while no message was unfinished',
    ]);
  });

  test.each(['01', '81', '02', '82'])('RFC 6455 5.4: the new message %s inside another fails', (first) => {
    const { listener, feed } = setUp();
    feed('01 61', `${first} 62`);
    expect(listener.calls).toEqual([
      'violation ERR_EXPECTED_CONTINUATION: invalid frame: a new message began before the last one was finished',
    ]);
  });

  test('RFC 7692 6.1: RSV1 on a continuation fails', () => {
    const { listener, feed } = setUp();
    feed('41 61', 'c0 62');
    expect(listener.calls).toEqual([
      'violation ERR_RESERVED_BITS: invalid frame: a reserved bit is set on a continuation frame',
    ]);
  });

  test('a message in 10 000 pieces arrives whole, from buffers that grow', () => {
    const { assembler, listener } = setUp();
    const piece = Buffer.from('abcdefghij');
    assembler.begin(0x02, 50_000);
    for (let i = 0; i < 5000; i++) take(assembler, piece, i === 4999);
    assembler.begin(0x80, 50_000);
    for (let i = 0; i < 5000; i++) take(assembler, piece, i === 4999);
    expect(listener.messages).toEqual([Buffer.from('abcdefghij'.repeat(10_000))]);
  });
});

describe('RFC 6455 8.1: text that is not UTF-8', () => {
  const REFUSED = ['violation ERR_INVALID_UTF8: invalid text message: not valid UTF-8'];

  test.each([
    ['in one piece', ['81 61ff']],
    ['at the end of one piece', ['81 61c3']],
    ['in the first of several pieces', ['81 ff|61']],
    ['at the end of several pieces', ['81 61|c3']],
    ['in the first of several fragments', ['01 61ff']],
    ['in the middle of a cut character', ['01 c3', '00 61']],
    ['with the end of the message, empty', ['01 c3', '80']],
    ['with the end of the message', ['01 f09f', '80 98']],
  ])('RFC 6455 8.1: %s', (_, frames) => {
    for (const decodesText of [true, false]) {
      const { listener, feed } = setUp({}, decodesText);
      feed(...frames);
      expect(listener.calls).toEqual(REFUSED);
    }
  });

  test('RFC 6455 8.1: invalid text is refused before the rest of the frame arrives', () => {
    const { assembler, listener } = setUp();
    assembler.begin(0x81, 1000);
    take(assembler, hex('61eda0'), false);
    expect(listener.calls).toEqual(REFUSED);
  });

  test('RFC 6455 8.1: the validation of one text does not affect the next', () => {
    const { listener, feed } = setUp();
    feed('01 61', '80 62', '01 c3', '80 a9', '81 c3|a9');
    expect(listener.calls).toEqual(['text ab', 'text é', 'text é']);
  });
});

describe('limits', () => {
  const TOO_BIG = 'violation ERR_MESSAGE_TOO_BIG: message too big:';

  test('RFC 6455 10.4: a message of exactly maxMessageBytes passes', () => {
    const { listener, feed } = setUp({ maxMessageBytes: 4 });
    feed('82 01020304', '02 0102', '80 0304', '81 61|62|6364');
    expect(listener.calls).toEqual(['bytes 01020304', 'bytes 01020304', 'text abcd']);
  });

  test.each([5, 65_536, 2 ** 53, 2 ** 63])(
    'RFC 6455 10.4: a message with an announced length of %i is refused when maxMessageBytes is 4',
    (length) => {
      const { assembler, listener } = setUp({ maxMessageBytes: 4 });
      expect(assembler.begin(0x82, length)).toBe(false);
      expect(listener.calls).toEqual([`${TOO_BIG} ${length} bytes (maxMessageBytes 4)`]);
      expect(listener.details).toEqual([{ limit: 4, observed: length }]);
    },
  );

  test('RFC 6455 10.4: the lengths of all fragments are added up, and the last header is refused', () => {
    const { assembler, listener, feed } = setUp({ maxMessageBytes: 4 });
    feed('02 0102', '00 03');
    expect(assembler.begin(0x80, 2)).toBe(false);
    expect(listener.calls).toEqual([`${TOO_BIG} 5 bytes (maxMessageBytes 4)`]);
  });

  test('RFC 6455 10.4: a sum above 2^53 is refused by the highest limit', () => {
    const { assembler, listener, feed } = setUp({ maxMessageBytes: Number.MAX_SAFE_INTEGER });
    feed('02 01');
    expect(assembler.begin(0x00, Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(listener.calls.length).toBe(1);
  });

  test('maxMessageBytes applies to each message separately', () => {
    const { listener, feed } = setUp({ maxMessageBytes: 4 });
    feed('02 010203', '80 04', '02 050607', '80 08', '82 09');
    expect(listener.calls).toEqual(['bytes 01020304', 'bytes 05060708', 'bytes 09']);
  });

  test('maxFragments fragments pass, including empty ones, and one more fails', () => {
    const { listener, feed } = setUp({ maxFragments: 3 });
    feed('01 61', '00', '80 62', '01', '00', '80', '01', '00', '00', '80');
    expect(listener.calls).toEqual([
      'text ab',
      'text ',
      'violation ERR_TOO_MANY_FRAGMENTS: too many fragments in one message: 4 (maxFragments 3)',
    ]);
    expect(listener.details).toEqual([{ limit: 3, observed: 4 }]);
  });

  test('memory grows with the bytes that arrived, not with the announced length', () => {
    const { assembler, listener } = setUp({ maxMessageBytes: 1_000_000_000 });
    expect(assembler.begin(0x82, 1_000_000_000)).toBe(true);
    const before = heldBytes();
    take(assembler, Buffer.alloc(10), false);
    expect(heldBytes() - before).toBeLessThan(2_000_000);
    expect(listener.calls).toEqual([]);
  });

  test.each([
    ['one frame', ['02 61|62', '80 63'], 256],
    ['one frame of known length', ['82 61|62'], 2],
    ['a last frame of known length', ['02 61', `80 ${'62'.repeat(300)}`], 301],
    ['fragments under a small limit', ['02 61', '80 62'], 2, 2],
  ])('%s is collected in a buffer of the right size', (_, frames, bytes, maxMessageBytes = 1000) => {
    const { listener, feed } = setUp({ maxMessageBytes });
    feed(...frames);
    expect((listener.messages[0] as Buffer).buffer.byteLength).toBe(bytes);
  });

  test('a message larger than the first buffer ends in a buffer of exactly its size', () => {
    const { assembler, listener } = setUp({ maxMessageBytes: 4_000_000 });
    const piece = Buffer.alloc(65_536, 1);
    assembler.begin(0x82, piece.length * 17);
    for (let i = 1; i <= 17; i++) take(assembler, piece, i === 17);
    const data = listener.messages[0] as Buffer;
    expect(data.equals(Buffer.alloc(piece.length * 17, 1))).toBe(true);
    expect(data.buffer.byteLength).toBe(data.length);
  });
});

describe('RFC 7692 6.2: compressed messages', () => {
  const EMPTY = Buffer.alloc(0);

  test('RFC 7692 6.2: all fragments are joined and inflated at once, with the limit', () => {
    const { listener, inflater, feed } = setUp({ maxMessageBytes: 100 });
    feed('41 c328', '00 ff|fe', '80 00');
    expect(inflater.requests.map(({ compressed, maxBytes }) => [compressed, maxBytes])).toEqual([['c328fffe00', 100]]);
    expect(listener.calls).toEqual(['inflating']);
  });

  test.each([
    ['c1 00', '48656c6c6f', 'text Hello'],
    ['c1 00', 'c3a9', 'text é'],
    ['c2 00', 'ff', 'bytes ff'],
    ['c1', '', 'text '],
    ['c2 00|01', '', 'bytes'],
  ])('RFC 7692 6.2: %s, inflated to %j, is reported when the listener asks', (frame, result, call) => {
    const { listener, inflater, feed } = setUp();
    feed(frame);
    inflater.requests[0]!.done(undefined, hex(result));
    expect(listener.calls).toEqual(['inflating', 'inflated']);
    listener.reports[0]!();
    expect(listener.calls).toEqual(['inflating', 'inflated', call]);
  });

  test('RFC 7692 6.2: inflated text stays bytes when decodesText is false', () => {
    const { listener, inflater, feed } = setUp({}, false);
    feed('c1 00');
    inflater.requests[0]!.done(undefined, hex('c3a9'));
    listener.reports[0]!();
    expect(listener.calls.at(-1)).toBe('text as bytes c3a9');
  });

  test('RFC 6455 8.1: inflated text that is not UTF-8 is refused', () => {
    const { listener, inflater, feed } = setUp();
    feed('c1 00');
    inflater.requests[0]!.done(undefined, hex('c3'));
    listener.reports[0]!();
    expect(listener.calls.at(-1)).toBe('violation ERR_INVALID_UTF8: invalid text message: not valid UTF-8');
  });

  test('RFC 7692 6.1: a message without RSV1 is not inflated', () => {
    const { listener, inflater, feed } = setUp();
    feed('41 00', '80 01', '81 61', '01 62', '80 63');
    inflater.requests[0]!.done(undefined, hex('7a'));
    listener.reports[0]!();
    expect(listener.calls).toEqual(['inflating', 'text a', 'text bc', 'inflated', 'text z']);
  });

  test('RFC 6455 10.4: a message that inflates beyond the limit is refused', () => {
    const { listener, inflater, feed } = setUp({ maxMessageBytes: 10 });
    feed('c2 00');
    inflater.requests[0]!.done(new RangeError('too long'), EMPTY);
    listener.reports[0]!();
    expect(listener.calls.at(-1)).toBe(
      'violation ERR_MESSAGE_TOO_BIG: message too big: the inflated size is over the limit (maxMessageBytes 10)',
    );
    expect(listener.details).toEqual([{ limit: 10 }]);
  });

  test('RFC 7692 6.2: a message that cannot be inflated is refused', () => {
    const { listener, inflater, feed } = setUp();
    const cause = new Error('invalid distance');
    feed('c2 00');
    inflater.requests[0]!.done(cause, EMPTY);
    listener.reports[0]!();
    expect(listener.calls.at(-1)).toBe(
      'violation ERR_INVALID_COMPRESSED_DATA: invalid compressed data: invalid distance',
    );
    expect(listener.details).toEqual([{ cause }]);
  });

  test('RFC 6455 10.4: maxMessageBytes limits the compressed bytes too', () => {
    const { listener, feed } = setUp({ maxMessageBytes: 2 });
    feed('c2 010203');
    expect(listener.calls).toEqual(['violation ERR_MESSAGE_TOO_BIG: message too big: 3 bytes (maxMessageBytes 2)']);
  });
});

/** Feeds a message of 100 000 bytes in two pieces. */
function feedLarge(setup: Setup, opcode: number, letter: string): Setup {
  const { assembler } = setup;
  const payload = Buffer.alloc(100_000, letter);
  assembler.begin(0x80 | opcode, payload.length);
  assembler.take(payload, 0, 60_000, false, false);
  assembler.take(payload, 60_000, payload.length, false, true);
  return setup;
}

describe('memory that is used again', () => {
  test('does not mix texts of connections whose pieces come in turns', () => {
    const setups = ['a', 'é', 'c'].map((letter) =>
      Object.assign(setUp(), { payload: Buffer.from(letter.repeat(90_000)) }),
    );
    for (let round = 0; round < 3; round++) {
      for (const { assembler, payload } of setups) assembler.begin(0x81, payload.length);
      for (let start = 0; start < 180_000; start += 30_000) {
        for (const { assembler, payload } of setups) {
          const end = Math.min(start + 30_000, payload.length);
          if (start < end) assembler.take(payload, start, end, false, end === payload.length);
        }
      }
    }
    for (const { listener, payload } of setups) {
      expect(listener.messages.map((message) => message === payload.toString())).toEqual([true, true, true]);
    }
  });

  test('is never the memory of a message that its receiver gets as bytes', () => {
    const [binary, undecoded] = [setUp(), setUp({}, false)];
    for (const letter of ['a', 'b']) {
      feedLarge(binary, 2, letter);
      feedLarge(undecoded, 1, letter);
      feedLarge(setUp(), 1, 'x');
    }
    for (const { listener } of [binary, undecoded]) {
      const texts = listener.messages.map((message) => message.toString());
      expect(texts.map((text) => text === text[0]!.repeat(100_000) && text[0])).toEqual(['a', 'b']);
    }
  });

  test('is not used again while a compressed message is inflated', () => {
    const { inflater } = feedLarge(setUp(), 0x42, 'z');
    feedLarge(setUp(), 1, 'x');
    expect(inflater.memory.equals(Buffer.alloc(100_000, 'z'))).toBe(true);
    inflater.requests[0]!.done(undefined, Buffer.from('inflated'));
    feedLarge(setUp(), 1, 'y');
    expect(inflater.memory.equals(Buffer.alloc(100_000, 'y'))).toBe(true);
  });
});

describe('clear()', () => {
  test('frees the memory of an unfinished message', () => {
    const { assembler } = setUp({ maxMessageBytes: 100_000_000 });
    assembler.begin(0x02, 20_000_000);
    take(assembler, Buffer.alloc(20_000_000), true);
    const before = heldBytes();
    assembler.clear();
    expect(before - heldBytes()).toBeGreaterThan(15_000_000);
  });
});

describe('RFC 6455 10.4: unfinished messages', () => {
  test('are reported as incomplete, and their memory grows with the bytes that arrived', () => {
    const { assembler, feed } = setUp();
    expect(assembler.isIncomplete).toBe(false);
    const before = partialMessageBudget.heldBytes;
    assembler.begin(0x82, 1_000_000);
    assembler.take(Buffer.alloc(1), 0, 1, true, false);
    expect(assembler.isIncomplete).toBe(true);
    expect(partialMessageBudget.heldBytes - before).toBe(256);
    assembler.take(Buffer.alloc(10_000), 0, 10_000, true, false);
    expect(partialMessageBudget.heldBytes - before).toBe(10_001);
    assembler.take(Buffer.alloc(10_000), 0, 10_000, true, false);
    expect(partialMessageBudget.heldBytes - before).toBe(20_002);
    // A sixteenth has arrived, so the whole announced size is allocated.
    assembler.take(Buffer.alloc(42_499), 0, 42_499, true, false);
    expect(partialMessageBudget.heldBytes - before).toBe(1_000_000);
    assembler.clear();
    assembler.clear();
    expect(partialMessageBudget.heldBytes).toBe(before);
    const other = setUp();
    other.feed('01 61', '00 62', '80 63');
    feed();
    expect(other.assembler.isIncomplete).toBe(false);
    expect(other.listener.calls).toEqual(['text abc']);
    expect(partialMessageBudget.heldBytes).toBe(before);
  });

  test('are refused when all together exceed the budget, the one that has stood still for longest first', () => {
    const { limitBytes } = partialMessageBudget;
    onTestFinished(() => {
      partialMessageBudget.limitBytes = limitBytes;
    });
    // A budget of 1 byte removes the messages that other tests left unfinished.
    partialMessageBudget.limitBytes = 1;
    setUp().feed('02 61');
    partialMessageBudget.limitBytes = 300;
    const [one, two] = [setUp(), setUp()];
    one.feed('02 61');
    expect(one.listener.calls).toEqual([]);
    one.listener.staleMs = 1;
    two.feed('02 61');
    expect(one.listener.calls).toEqual([
      expect.stringMatching(/^violation ERR_INCOMPLETE_BUDGET: too many bytes in unfinished messages: /),
    ]);
    expect(one.listener.details[0]!.observed! - one.listener.details[0]!.limit!).toBe(212);
    // The message that asks for more memory is refused when no other one is left.
    two.assembler.begin(0x80, 1000);
    two.assembler.take(Buffer.alloc(1000), 0, 1000, true, true);
    expect(two.listener.calls).toEqual([expect.stringMatching(/^violation ERR_INCOMPLETE_BUDGET: /)]);
  });
});

/** Assembles a message of 40 000 bytes in two pieces, and tells what `onMessage` gets. */
function assemble(value: number, onMessage: (data: Buffer) => void, opcode = 0x82): void {
  const listener = new RecordingListener();
  listener.onAssembledMessage = (data) => onMessage(data as Buffer);
  const limits = { maxMessageBytes: 1_048_576, maxFragments: 1024 };
  const assembler = new MessageAssembler(listener, limits, false, undefined, true);
  const piece = Buffer.alloc(20_000, value);
  assembler.begin(opcode, 40_000);
  take(assembler, Buffer.from(piece), false);
  take(assembler, Buffer.from(piece), true);
}

describe('with lendsBytes', () => {
  test.each([
    ['bytes', 0x82],
    ['text as bytes', 0x81],
  ])('%s are valid within the call, and their memory holds the next message', (_, opcode) => {
    const seen: Buffer[] = [];
    for (const value of [1, 2, 3]) {
      assemble(
        value,
        (data) => {
          expect(data.equals(Buffer.alloc(40_000, value))).toBe(true);
          seen.push(data);
        },
        opcode,
      );
    }
    expect(new Set(seen.map(({ buffer }) => buffer)).size).toBe(1);
    expect(seen[0]!.equals(Buffer.alloc(40_000, 3))).toBe(true);
  });

  test('a message that comes within the call has other memory', () => {
    let outer: Buffer | undefined;
    assemble(1, (data) => {
      outer = data;
      assemble(2, (inner) => expect(inner.buffer === data.buffer).toBe(false));
      expect(data.equals(Buffer.alloc(40_000, 1))).toBe(true);
    });
    expect(outer).toBeDefined();
  });
});

test('without lendsBytes the memory of bytes is not used again', () => {
  const limits = { maxMessageBytes: 1_048_576, maxFragments: 1024 };
  const { listener, assembler } = setUp(limits);
  for (const value of [1, 2]) {
    assembler.begin(0x82, 40_000);
    take(assembler, Buffer.alloc(20_000, value), false);
    take(assembler, Buffer.alloc(20_000, value), true);
  }
  const [first, second] = listener.messages as Buffer[];
  expect([first!.equals(Buffer.alloc(40_000, 1)), second!.equals(Buffer.alloc(40_000, 2))]).toEqual([true, true]);
});
