import { describe, expect, test } from 'vitest';
import { compareOutcomes } from './streams/differences.ts';
import { readCorpus } from './streams/corpus.ts';
import { exploreStreams } from './streams/explore-streams.ts';
import { libraryOutcome } from './streams/library-outcome.ts';
import { minimizeStream } from './streams/minimize-stream.ts';
import { formatStreamCase, parseStreamCase } from './streams/stream-case.ts';

/** The seed makes the streams the same in each run. `npm run fuzz` tries others. */
const SEED = 6455;
const STREAMS_BEYOND_THE_CORPUS = 1500;

describe('streams', () => {
  test('RFC 6455 5: streams, delivered in any way, have the same outcome as with ws', async () => {
    const corpus = readCorpus();
    const { failure, features } = await exploreStreams({
      corpus,
      seed: SEED,
      isOver: (count) => count >= corpus.length + STREAMS_BEYOND_THE_CORPUS,
    });
    expect(failure).toBe('');
    // With fewer features, the search would no longer find much.
    expect(features).toBeGreaterThan(300);
  }, 60_000);

  test('an outcome that differs from that of ws is reported', async () => {
    const stream = parseStreamCase('server plain 8181000000006182800000000089810000000061');
    const outcome = await libraryOutcome(stream);
    expect(compareOutcomes(stream, outcome, outcome)).toBe('');
    for (const other of [
      { ...outcome, messages: outcome.messages.slice(1) },
      { ...outcome, pongs: [] },
      { ...outcome, closeSent: 1002 },
      { ...outcome, closeReceived: 1000 },
    ]) {
      expect(compareOutcomes(stream, outcome, other)).toContain('this library');
      expect(compareOutcomes(stream, other, outcome)).toContain('this library');
    }
  });

  test('a failing stream is minimized', async () => {
    const stream = parseStreamCase('client plain 810161820162ff00830101');
    const smallest = await minimizeStream(stream, ({ bytes }) => Promise.resolve(bytes.includes(0x83)));
    expect(formatStreamCase(smallest)).toBe('client plain 83');
  });

  test('a stream is parsed and formatted as one line, and an invalid line is refused', () => {
    const line = 'server deflate c102ff00';
    expect(formatStreamCase(parseStreamCase(`${line} # a note`))).toBe(line);
    for (const wrong of ['', 'server', 'nobody plain 00', 'server other 00', 'server plain 0', 'server plain zz']) {
      expect(() => parseStreamCase(wrong)).toThrow('not a stream');
    }
  });
});
