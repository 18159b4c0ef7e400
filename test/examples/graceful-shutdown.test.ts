import { expect, test } from 'vitest';
import { connectPeer } from '../helpers/peer.ts';
import { startExample } from '../helpers/program.ts';

test(
  'SIGTERM under load loses no answer, closes every client with 1012, and ends the process',
  { timeout: 60_000 },
  async () => {
    const program = await startExample('examples/graceful-shutdown.ts', { env: { PORT: '0' } });
    const url = await program.printed(/ws:\/\/127\.0\.0\.1:\d+\//);
    const peers = await Promise.all(Array.from({ length: 50 }, () => connectPeer(url)));
    const texts = Array.from({ length: 200 }, (_, i) => `message ${i}`);
    for (const peer of peers) for (const text of texts) peer.send(text);
    // Every message is answered or on its way when the signal comes.
    await Promise.all(peers.map((peer) => peer.messages.atLeast(1)));
    program.signal('SIGTERM');
    const closes = await Promise.all(peers.map((peer) => peer.closed));
    expect(new Set(closes.map(({ code }) => code))).toEqual(new Set([1012]));
    for (const peer of peers) {
      const answers = peer.messages.all.map(({ bytes }) => String(bytes));
      // The answers are the first of the sent messages, without gaps.
      expect(answers).toEqual(texts.slice(0, answers.length));
    }
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines.at(-1)).toBe('closed 50, dropped 0');
  },
);
