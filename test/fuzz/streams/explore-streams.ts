import { checkStream } from './check-stream.ts';
import { type Feature, featuresOf } from './features.ts';
import { minimizeStream } from './minimize-stream.ts';
import { mutateStream } from './mutate-stream.ts';
import { Random } from './random.ts';
import { formatStreamCase, type StreamCase } from './stream-case.ts';

/** Options of an exploration. */
export interface Exploration {
  readonly corpus: readonly StreamCase[];
  readonly seed: number;
  /** Called before each stream, with the number of streams so far: true ends the exploration. */
  readonly isOver: (streams: number) => boolean;
  /** Called for each stream with a feature that no stream before it had. */
  readonly onNew?: ((stream: StreamCase, features: readonly Feature[]) => void) | undefined;
}

/** Result of an exploration. */
export interface ExplorationResult {
  readonly streams: number;
  /** Number of different features that were reached. */
  readonly features: number;
  /** The report of the first stream that broke a law, with the command to repeat it; `''` for none. */
  readonly failure: string;
}

/** Mutates streams of a corpus, and goes on from those with a new feature, until `isOver` or until a law is broken. */
export async function exploreStreams({ corpus, seed, isOver, onNew }: Exploration): Promise<ExplorationResult> {
  const random = new Random(seed);
  const pool = [...corpus];
  const features = new Set<string>();
  let streams = 0;
  for (; !isOver(streams); streams++) {
    const isFromCorpus = streams < corpus.length;
    const stream = isFromCorpus ? (corpus[streams] as StreamCase) : mutateStream(random.pick(pool), random, pool);
    const { outcome, failure } = await checkStream(stream);
    if (failure !== '') return { streams, features: features.size, failure: await reportFailure(stream, seed) };
    const newFeatures =
      outcome === undefined ? [] : featuresOf(stream, outcome).filter(({ name }) => !features.has(name));
    for (const { name } of newFeatures) features.add(name);
    if (newFeatures.length === 0 || isFromCorpus) continue;
    pool.push(stream);
    onNew?.(stream, newFeatures);
  }
  return { streams, features: features.size, failure: '' };
}

async function reportFailure(stream: StreamCase, seed: number): Promise<string> {
  const smallest = await minimizeStream(stream, async (each) => (await checkStream(each)).failure !== '');
  const { failure } = await checkStream(smallest);
  const line = formatStreamCase(smallest);
  return `${failure}\nseed: ${seed}\nstream: ${line}\nto repeat: npm run fuzz -- --replay "${line}"`;
}
