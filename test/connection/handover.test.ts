import { describe, expect, test } from 'vitest';
import { Handover } from '../../src/connection/handover.ts';
import type { BacklogMessage } from '../../src/connection/send-backlog.ts';
import { heldBytes } from '../helpers/memory.ts';
import { turns } from '../helpers/turns.ts';

function message(data: string): BacklogMessage {
  return { data, compress: undefined, bytes: data.length };
}

function setUp() {
  const handed = { bytes: 0 };
  const handover = new Handover(() => handed.bytes);
  const take = () => {
    const { unsent, uncertainCount } = handover.take();
    return { unsent: unsent.map(({ data }) => data), uncertainCount };
  };
  return { handed, handover, take };
}

describe('the messages of a connection that ends', () => {
  test('are unsent unless the system was given their last byte', () => {
    const { handed, handover, take } = setUp();
    for (const [i, data] of ['a', 'b', 'c'].entries()) handover.addFramed(message(data), (i + 1) * 10);
    handed.bytes = 19;
    expect(take()).toEqual({ unsent: ['b', 'c'], uncertainCount: 1 });
  });

  test('are unsent while they are being compressed, in the order of sending', () => {
    const { handed, handover, take } = setUp();
    handover.addUnframed(message('a'));
    handover.addUnframed(message('b'));
    handover.addUnframed(message('c'));
    handover.frameNext(10);
    handover.frameNext(20);
    handed.bytes = 10;
    expect(take()).toEqual({ unsent: ['b', 'c'], uncertainCount: 1 });
  });

  test('have their frames from the beginning, or get them by the queue of the compressor', () => {
    const { handed, handover, take } = setUp();
    // Without a message that waits for its frame, there is nothing to do.
    handover.frameNext(10);
    handover.addFramed(message('a'), 10);
    handed.bytes = 10;
    expect(take()).toEqual({ unsent: [], uncertainCount: 1 });
  });

  test('are not kept longer than the turn in which they were handed over', async () => {
    const { handed, handover } = setUp();
    const before = heldBytes();
    for (let i = 1; i <= 20; i++) {
      handover.addFramed({ data: Buffer.allocUnsafeSlow(1_000_000), compress: undefined, bytes: 1_000_000 }, i);
    }
    handed.bytes = 20;
    await turns();
    expect(heldBytes() - before).toBeLessThan(1_000_000);
    expect(handover.take().uncertainCount).toBe(20);
  });

  test('are certain when they lie in front of a ping that was answered', () => {
    const { handed, handover, take } = setUp();
    handover.addFramed(message('a'), 10);
    const [early, late] = [Buffer.from('early'), Buffer.from('late')];
    handover.notePing(early);
    handover.addFramed(message('b'), 20);
    handover.notePing(late);
    handover.addFramed(message('c'), 30);
    handed.bytes = 30;
    handover.onPong(early);
    handover.onPong(late);
    expect(take()).toEqual({ unsent: [], uncertainCount: 1 });
  });

  test('stay uncertain behind a pong that answers an earlier ping, or none', () => {
    const { handed, handover, take } = setUp();
    handover.onPong(Buffer.from('before any ping'));
    handover.notePing(Buffer.from('early'));
    handover.addFramed(message('a'), 10);
    handover.notePing(Buffer.from('late'));
    handed.bytes = 10;
    for (const payload of ['early', '', 'later', 'lat']) handover.onPong(Buffer.from(payload));
    expect(take()).toEqual({ unsent: [], uncertainCount: 1 });
  });
});
