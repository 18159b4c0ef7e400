import { checkStream } from './check-stream.ts';
import { type Feature, featuresOf } from './features.ts';
import { minimizeStream } from './minimize-stream.ts';
import { mutateStream } from './mutate-stream.ts';
import { Random } from './random.ts';
import { formatStreamCase, type StreamCase } from './stream-case.ts';

/** What an exploration is to do. */
export interface Exploration {
  readonly corpus: readonly StreamCase[];
  readonly seed: number;
  /** Asked before each stream. */
  readonly isOver: (streams: number) => boolean;
  /** A stream has led to something that none before did. */
  readonly onNew?: ((stream: StreamCase, features: readonly Feature[]) => void) | undefined;
}

/** What it has seen. */
export interface ExplorationResult {
  readonly streams: number;
  /** Names of what was reached. */
  readonly features: number;
  /** The first stream that broke a law, how, and how to see it again; `''` for none. */
  readonly failure: string;
}

/** Changes streams of a corpus, and goes on from those that lead to something new, until time is over or a law is broken. */
export async function exploreStreams({ corpus, seed, isOver, onNew }: Exploration): Promise<ExplorationResult> {
  const random = new Random(seed);
  const pool = [...corpus];
  const features = new Set<string>();
  let streams = 0;
  for (; !isOver(streams); streams++) {
    const isOld = streams < corpus.length;
    const stream = isOld ? (corpus[streams] as StreamCase) : mutateStream(random.pick(pool), random, pool);
    const { outcome, failure } = await checkStream(stream);
    if (failure !== '') return { streams, features: features.size, failure: await reportFailure(stream, seed) };
    const news = outcome === undefined ? [] : featuresOf(stream, outcome).filter(({ name }) => !features.has(name));
    for (const { name } of news) features.add(name);
    if (news.length === 0 || isOld) continue;
    pool.push(stream);
    onNew?.(stream, news);
  }
  return { streams, features: features.size, failure: '' };
}

async function reportFailure(stream: StreamCase, seed: number): Promise<string> {
  const smallest = await minimizeStream(stream, async (each) => (await checkStream(each)).failure !== '');
  const { failure } = await checkStream(smallest);
  const line = formatStreamCase(smallest);
  return `${failure}\nseed: ${seed}\nstream: ${line}\nto see it again: npm run fuzz -- --replay "${line}"`;
}
