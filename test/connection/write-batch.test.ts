import { describe, expect, test } from 'vitest';
import { WriteBatch } from '../../src/connection/write-batch.ts';
import { takePiece } from '../../src/protocol/send-memory.ts';
import { NEVER_DETACHED } from '../helpers/never-detached.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { RecordingTransport } from '../helpers/recording-transport.ts';
import { socketPairs, toTransports } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

const EARLY_FLUSH_BYTES = 65_536;

function open(): { batch: WriteBatch; transport: RecordingTransport } {
  const transport = new RecordingTransport();
  return { batch: new WriteBatch(transport, NEVER_DETACHED), transport };
}

/** Writes text into reserved memory, as the protocol does. */
function put(batch: WriteBatch, text: string): void {
  const offset = batch.reserve(text.length + 10);
  batch.commit(batch.buffer.write(text, offset, 'latin1'));
}

describe('all that is written in one turn', () => {
  test('leaves in one write, at the end of the turn', async () => {
    const { batch, transport } = open();
    for (let i = 0; i < 100; i++) put(batch, `${i} `);
    const later = [Promise.resolve(), new Promise<void>((resolve) => process.nextTick(resolve))];
    for (const wait of later) {
      await wait;
      put(batch, 'later ');
    }
    expect(transport.calls).toEqual([]);
    await turns(1);
    expect(transport.calls).toEqual([`${Array.from(Array(100).keys()).join(' ')} later later `]);
  });

  test('is counted in bufferedBytes until it leaves', async () => {
    const { batch, transport } = open();
    put(batch, '12345');
    batch.append(Buffer.alloc(20_000));
    put(batch, '67');
    transport.bufferedBytes = 1000;
    expect(batch.bufferedBytes).toBe(21_007);
    await turns(1);
    expect(batch.bufferedBytes).toBe(1000);
  });

  test('keeps its order, whether it was copied or appended', async () => {
    const { batch, transport } = open();
    put(batch, 'a');
    batch.append(Buffer.from('BBB'));
    put(batch, 'c');
    put(batch, 'd');
    batch.append(Buffer.from('EEE'));
    batch.append(Buffer.from('FFF'));
    put(batch, 'g');
    await turns(1);
    expect(transport.calls).toEqual(['aBBBcdEEEFFFg']);
  });

  test('may exceed one buffer while the transport is blocked', async () => {
    const { batch, transport } = open();
    transport.isBlocked = true;
    const texts = Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(2000));
    for (const text of texts) put(batch, text);
    transport.isBlocked = false;
    batch.flush();
    expect(transport.calls).toEqual([texts.join('')]);
    expect(transport.writes[0]!.length).toBeGreaterThan(1);
  });

  test('leaves in one write for each of many transports', async () => {
    const all = Array.from({ length: 20 }, open);
    for (const text of ['one ', 'two ', 'three']) for (const { batch } of all) put(batch, text);
    await turns(1);
    expect(all.map(({ transport }) => transport.calls)).toEqual(all.map(() => ['one two three']));
  });

  test('arrives as one piece over a real socket', async () => {
    const [left, right] = toTransports(await socketPairs.tcp());
    RecordingListener.on(left);
    const heard = RecordingListener.on(right);
    const batch = new WriteBatch(left, NEVER_DETACHED);
    for (let i = 0; i < 100; i++) put(batch, 'x'.repeat(50));
    await heard.until(() => heard.byteCount === 5000);
    expect(heard.chunks).toHaveLength(1);
  });

  test('causes no write when nothing is committed', async () => {
    const { batch, transport } = open();
    batch.reserve(100);
    batch.commit(0);
    await turns(1);
    expect(transport.calls).toEqual([]);
  });

  test('is followed by the write of the next turn', async () => {
    const { batch, transport } = open();
    put(batch, 'first');
    await turns(1);
    put(batch, 'second');
    await turns(1);
    expect(transport.calls).toEqual(['first', 'second']);
  });
});

describe('a frame that many batches share', () => {
  const FRAME = Buffer.from('[shared frame]');

  test('leaves without a copy when it is alone', async () => {
    const all = Array.from({ length: 3 }, open);
    for (const { batch } of all) batch.appendShared(FRAME);
    expect(all[0]!.batch.bufferedBytes).toBe(FRAME.length);
    await turns(1);
    for (const { transport } of all) {
      expect(transport.calls).toEqual(['[shared frame]']);
      expect(transport.writes[0]![0]).toBe(FRAME);
    }
  });

  test.each<[string, (batch: WriteBatch) => void, string]>([
    ['before small frames', (batch) => put(batch, ' x'), '[shared frame] x'],
    ['before another shared frame', (batch) => batch.appendShared(FRAME), '[shared frame][shared frame]'],
    ['before a large frame', (batch) => batch.append(Buffer.from('LARGE')), '[shared frame]LARGE'],
    [
      'before a large shared frame',
      (batch) => batch.appendShared(Buffer.alloc(5000, 'L')),
      `[shared frame]${'L'.repeat(5000)}`,
    ],
  ])('keeps its place %s', async (_, follow, expected) => {
    const { batch, transport } = open();
    batch.appendShared(FRAME);
    follow(batch);
    expect(batch.bufferedBytes).toBe(expected.length);
    put(batch, '.');
    await turns(1);
    expect(transport.calls).toEqual([`${expected}.`]);
  });

  test('keeps its place behind other frames; small frames leave as one piece', async () => {
    const { batch, transport } = open();
    put(batch, 'a');
    batch.appendShared(FRAME);
    put(batch, 'b');
    await turns(1);
    expect(transport.calls).toEqual(['a[shared frame]b']);
    expect(transport.writes[0]!.length).toBe(1);
    batch.append(Buffer.from('LARGE'));
    batch.appendShared(FRAME);
    await turns(1);
    expect(transport.calls[1]).toBe('LARGE[shared frame]');
  });

  test('is concatenated with the others of a burst once for all transports', async () => {
    const all = Array.from({ length: 3 }, open);
    const frames = Array.from({ length: 16 }, (_, i) => Buffer.from(`[${i}]`));
    for (const frame of frames) for (const { batch } of all) batch.appendShared(frame);
    const expected = frames.join('');
    expect(all.map(({ batch }) => batch.bufferedBytes)).toEqual([expected.length, expected.length, expected.length]);
    await turns(1);
    expect(all.map(({ transport }) => transport.calls)).toEqual([[expected], [expected], [expected]]);
    const [first] = all[0]!.transport.writes[0]!;
    expect(all.every(({ transport }) => transport.writes[0]![0] === first)).toBe(true);
  });

  test('leaves early with many others; they wait in few pieces while the transport is blocked', () => {
    const { batch, transport } = open();
    const frame = Buffer.alloc(4000, 's');
    batch.append(Buffer.from('LARGE'));
    for (let i = 0; i < 17; i++) batch.appendShared(frame);
    expect(transport.calls).toEqual([`LARGE${'s'.repeat(17 * 4000)}`]);
    transport.isBlocked = true;
    for (let i = 0; i < 100; i++) batch.appendShared(frame);
    put(batch, 'end');
    transport.isBlocked = false;
    batch.flush();
    expect(transport.calls[1]).toBe(`${'s'.repeat(100 * 4000)}end`);
    expect(transport.writes[1]!.every((piece) => piece.length < 80_000)).toBe(true);
  });

  test('is not copied with others of more than 4 KiB when another frame follows', async () => {
    const { batch, transport } = open();
    for (let i = 0; i < 3; i++) batch.appendShared(Buffer.alloc(2000, 's'));
    put(batch, 'x');
    await turns(1);
    expect(transport.calls).toEqual([`${'s'.repeat(6000)}x`]);
    expect(transport.writes[0]!.map(({ length }) => length)).toEqual([6000, 1]);
  });

  test('is copied into a new buffer behind a large frame', async () => {
    const { batch, transport } = open();
    batch.append(Buffer.from('LARGE'));
    batch.appendShared(Buffer.alloc(3000, 's'));
    put(batch, 'x');
    await turns(1);
    expect(transport.calls).toEqual([`LARGE${'s'.repeat(3000)}x`]);
  });

  test('is never changed by the frames that follow', async () => {
    const frame = Buffer.from('[shared frame]');
    const { batch, transport } = open();
    for (let turn = 0; turn < 3; turn++) {
      batch.appendShared(frame);
      if (turn > 0) put(batch, 'overwritten?');
      await turns(1);
    }
    expect(frame.toString()).toBe('[shared frame]');
    expect(transport.calls).toEqual(['[shared frame]', '[shared frame]overwritten?', '[shared frame]overwritten?']);
  });

  test('of more than 4 KiB is a piece of its own', async () => {
    const frame = Buffer.alloc(4097, 's');
    const { batch, transport } = open();
    put(batch, 'a');
    batch.appendShared(frame);
    put(batch, 'b');
    await turns(1);
    expect(transport.calls).toEqual([`a${'s'.repeat(4097)}b`]);
    expect(transport.writes[0]![1]).toBe(frame);
  });

  test('waits while the transport is blocked; close() drops it', async () => {
    const { batch, transport } = open();
    transport.isBlocked = true;
    batch.appendShared(FRAME);
    await turns(1);
    batch.appendShared(FRAME);
    await turns(1);
    expect(transport.calls).toEqual([]);
    transport.isBlocked = false;
    batch.flush();
    expect(transport.calls).toEqual(['[shared frame][shared frame]']);
    batch.close();
    batch.appendShared(FRAME);
    expect(batch.bufferedBytes).toBe(0);
    await turns(1);
    expect(transport.calls).toHaveLength(1);
  });
});

describe('a large batch', () => {
  test('leaves before the end of the turn', async () => {
    const { batch, transport } = open();
    const text = 'x'.repeat(1000);
    let written = 0;
    for (; transport.calls.length === 0 && written < 200_000; written += 1000) put(batch, text);
    expect(written).toBe(Math.ceil(EARLY_FLUSH_BYTES / 1000) * 1000);
    expect(transport.calls[0]).toHaveLength(written);
    put(batch, 'rest');
    expect(transport.calls).toHaveLength(1);
    await turns(1);
    expect(transport.calls[1]).toBe('rest');
    expect(transport.calls).toHaveLength(2);
  });

  test('of appended bytes leaves before the end of the turn', () => {
    const { batch, transport } = open();
    put(batch, 'header');
    batch.append(Buffer.alloc(EARLY_FLUSH_BYTES, 'p'));
    expect(transport.calls).toEqual([`header${'p'.repeat(EARLY_FLUSH_BYTES)}`]);
    expect(batch.bufferedBytes).toBe(0);
  });

  test('waits while the transport is blocked', async () => {
    const { batch, transport } = open();
    transport.isBlocked = true;
    for (let i = 0; i < 10; i++) batch.append(Buffer.alloc(EARLY_FLUSH_BYTES, 'p'));
    put(batch, 'small');
    await turns(2);
    expect(transport.calls).toEqual([]);
    expect(batch.bufferedBytes).toBe(10 * EARLY_FLUSH_BYTES + 5);
    expect(batch.isBlocked).toBe(true);

    transport.isBlocked = false;
    batch.flush();
    expect(transport.calls).toEqual([`${'p'.repeat(10 * EARLY_FLUSH_BYTES)}small`]);
    expect(batch.isBlocked).toBe(false);
  });
});

describe('while the transport is blocked', () => {
  test('a batch of several turns leaves in one write', async () => {
    const { batch, transport } = open();
    transport.isBlocked = true;
    for (const text of ['one ', 'two ', 'three ']) {
      put(batch, text);
      await turns(1);
    }
    expect(transport.calls).toEqual([]);
    transport.isBlocked = false;
    batch.flush();
    expect(transport.calls).toEqual(['one two three ']);
    await turns(1);
    expect(transport.calls).toHaveLength(1);
  });

  test('the end of the stream waits behind the batch', async () => {
    const { batch, transport } = open();
    transport.isBlocked = true;
    put(batch, 'last');
    batch.end();
    await turns(1);
    expect(transport.calls).toEqual([]);
    transport.isBlocked = false;
    batch.flush();
    expect(transport.calls).toEqual(['last', '<end>']);
  });
});

describe('the end of the stream', () => {
  test('follows all that was written, once', async () => {
    const { batch, transport } = open();
    batch.end();
    put(batch, 'written after end() and before the end of the turn');
    batch.end();
    await turns(2);
    expect(transport.calls).toEqual(['written after end() and before the end of the turn', '<end>']);
  });

  test('is sent without any write', async () => {
    const { batch, transport } = open();
    batch.end();
    await turns(1);
    expect(transport.calls).toEqual(['<end>']);
  });
});

describe('a closed batch', () => {
  test('drops waiting and later writes', async () => {
    const { batch, transport } = open();
    put(batch, 'waits');
    batch.append(Buffer.from('waits too'));
    batch.end();
    batch.close();
    expect(batch.bufferedBytes).toBe(0);
    put(batch, 'late');
    batch.append(Buffer.alloc(EARLY_FLUSH_BYTES));
    batch.flush();
    await turns(2);
    expect(transport.calls).toEqual([]);
    expect(batch.bufferedBytes).toBe(0);
  });
});

describe('the memory of the arena', () => {
  const SECRET = 'the secret of somebody else';

  /** Leaves a slab full of secrets in the arena, and returns it. */
  async function leaveSecrets(): Promise<Buffer> {
    const { batch } = open();
    put(batch, SECRET.repeat(600));
    const { buffer } = batch;
    await turns(1);
    return buffer;
  }

  test('is used again, and leaks no bytes of earlier writes', async () => {
    const used = await leaveSecrets();
    const { batch, transport } = open();
    for (const text of ['short', 's', 'a somewhat longer text']) put(batch, text);
    expect(batch.buffer).toBe(used);
    expect(used.toString('latin1')).toContain(SECRET);
    await turns(1);
    expect(transport.calls).toEqual(['shortsa somewhat longer text']);
    expect(transport.writes[0]!.map((piece) => piece.length)).toEqual([28]);
  });

  test('is not used again while the transport still reads it', async () => {
    const slow = open();
    slow.transport.writtenMemory = 'in use';
    put(slow.batch, 'not sent yet');
    const { buffer } = slow.batch;
    await turns(1);
    const other = open();
    for (let i = 0; i < 100; i++) {
      put(other.batch, 'overwritten?');
      expect(other.batch.buffer).not.toBe(buffer);
      await turns(1);
    }
    expect(slow.transport.writes.map((pieces) => Buffer.concat(pieces).toString())).toEqual(['not sent yet']);
  });

  test('is shared by the batches of one turn; each sends only its own bytes', async () => {
    await leaveSecrets();
    const [left, right] = [open(), open()];
    put(left.batch, 'left');
    put(right.batch, 'right');
    put(right.batch, ' and more');
    put(left.batch, ' too');
    expect(left.batch.buffer).toBe(right.batch.buffer);
    await turns(1);
    expect([left.transport.calls, right.transport.calls]).toEqual([['left too'], ['right and more']]);
    expect([left.transport.writes[0]!.length, right.transport.writes[0]!.length]).toEqual([2, 1]);
  });

  test('is left by bytes that wait for a blocked transport', async () => {
    const slow = open();
    put(slow.batch, 'first');
    slow.batch.append(Buffer.from('LARGE'));
    put(slow.batch, 'second');
    const { buffer } = slow.batch;
    slow.transport.isBlocked = true;
    await turns(1);
    const other = open();
    put(other.batch, 'overwritten?'.repeat(10));
    expect(other.batch.buffer).toBe(buffer);
    put(slow.batch, 'third');
    expect(slow.batch.buffer).not.toBe(buffer);
    await turns(1);
    put(slow.batch, 'fourth');
    slow.transport.isBlocked = false;
    slow.batch.flush();
    expect(slow.transport.calls).toEqual(['firstLARGEsecondthirdfourth']);
    expect(slow.transport.writes[0]!.some((piece) => piece.buffer === buffer.buffer)).toBe(false);
  });

  test('is left by bytes that wait behind buffered bytes of the transport', async () => {
    const slow = open();
    slow.transport.writtenMemory = 'in use';
    slow.transport.bufferedBytes = 10;
    put(slow.batch, 'a little');
    const { buffer } = slow.batch;
    await turns(1);
    expect(slow.transport.writes[0]![0]!.buffer).not.toBe(buffer.buffer);
    expect(slow.transport.calls).toEqual(['a little']);
  });

  test('is not used again for writes made within the flush', async () => {
    const [first, second] = [open(), open()];
    put(first.batch, 'first');
    const write = first.transport.write.bind(first.transport);
    first.transport.write = (pieces) => {
      put(second.batch, 'written in between');
      return write(pieces);
    };
    await turns(1);
    put(open().batch, 'overwritten?');
    await turns(1);
    expect([first.transport.calls, second.transport.calls]).toEqual([['first'], ['written in between']]);
  });

  test('is not kept by a batch between two turns', async () => {
    const { batch } = open();
    put(batch, 'text');
    await turns(1);
    expect(batch.buffer).toHaveLength(0);
  });

  test('is not used for a large message, which gets its own buffer', async () => {
    const { batch, transport } = open();
    const text = 'y'.repeat(40_000);
    put(batch, 'x');
    put(batch, text);
    await turns(1);
    expect(transport.calls).toEqual([`x${text}`]);
  });
});

/** Appends a piece that ends the batch early, and returns its memory. */
function appendPiece(batch: WriteBatch): Buffer {
  const piece = takePiece().fill('p');
  batch.appendPieces([piece.subarray(0, EARLY_FLUSH_BYTES)]);
  return piece;
}

/** Takes all free pieces, and tells whether a piece is among them. */
function isFree(piece: Buffer): boolean {
  return Array.from(Array(100), takePiece).includes(piece);
}

describe('the memory of pieces', () => {
  test('goes back when the transport has sent all at once', () => {
    const { batch } = open();
    expect(isFree(appendPiece(batch))).toBe(true);
  });

  test('goes back with the end of a turn when little was written', async () => {
    const { batch, transport } = open();
    const piece = takePiece();
    put(batch, 'in front');
    batch.appendPieces([piece.subarray(0, piece.write('piece'))]);
    put(batch, 'behind');
    expect(isFree(piece)).toBe(false);
    await turns(1);
    expect([transport.calls, isFree(piece)]).toEqual([['in frontpiecebehind'], true]);
  });

  test('goes back when the transport becomes writable, and not before', () => {
    const { batch, transport } = open();
    transport.writtenMemory = 'in use';
    const pieces = [appendPiece(batch), appendPiece(batch)];
    expect(pieces.map(isFree)).toEqual([false, false]);
    batch.onWritable();
    expect(pieces.map(isFree)).toEqual([false, false]);
    transport.writtenMemory = 'free';
    batch.onWritable();
    expect(Array.from(Array(100), takePiece)).toEqual(expect.arrayContaining(pieces));
  });

  test('goes back with a later write that has been sent', () => {
    const { batch, transport } = open();
    transport.writtenMemory = 'in use';
    const first = appendPiece(batch);
    transport.writtenMemory = 'free';
    const second = appendPiece(batch);
    const free = new Set(Array.from(Array(100), takePiece));
    expect([free.has(first), free.has(second)]).toEqual([true, true]);
  });

  test('is never used again when the transport may keep it, or is gone', () => {
    const { batch, transport } = open();
    transport.writtenMemory = 'kept';
    const piece = appendPiece(batch);
    transport.writtenMemory = 'free';
    batch.onWritable();
    expect(isFree(piece)).toBe(false);
    transport.writtenMemory = 'in use';
    const pending = appendPiece(batch);
    batch.close();
    expect(isFree(pending)).toBe(false);
  });

  test('of a piece behind a borrowed frame goes back when all has been sent', () => {
    const { batch, transport } = open();
    batch.appendBorrowed(Buffer.from('h'), Buffer.alloc(20_000, 'b'));
    transport.isBlocked = true;
    const piece = appendPiece(batch);
    expect(isFree(piece)).toBe(false);
    transport.isBlocked = false;
    batch.flush();
    expect([transport.calls.join(''), isFree(piece)]).toEqual([`h${'b'.repeat(20_000)}${'p'.repeat(65_536)}`, true]);
  });
});
