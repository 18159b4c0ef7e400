import type { CorpusName } from '../case.ts';

const CORPUS_BYTES = 262_144;
/** The two highest bits of a UTF-8 continuation byte. */
const CONTINUATION = 0x80;

const cache = new Map<CorpusName, Buffer>();

/**
 * Returns a piece of a generated file with exactly `bytes` bytes, different for each `index`.
 *
 * @remarks The generated files are always the same: text that compresses well, text with few repetitions, an image, and
 * bytes that hardly compress. Pieces of text are cut between code points.
 */
export function pieceOf(name: CorpusName, bytes: number, index: number): Buffer {
  let corpus = cache.get(name);
  if (corpus === undefined) {
    corpus = GENERATORS[name]();
    cache.set(name, corpus);
  }
  // A prime number makes pieces begin at many different offsets.
  const from = (index * 7919) % (corpus.length - bytes);
  const piece = Buffer.from(corpus.subarray(from, from + bytes));
  if (name === 'records' || name === 'markup') cutBetweenCodePoints(piece);
  return piece;
}

/** Replaces halves of code points at both ends. The generated text has no code points of more than two bytes. */
function cutBetweenCodePoints(piece: Buffer): void {
  const blank = 0x20;
  if ((piece[0]! & 0xc0) === CONTINUATION) piece[0] = blank;
  if (piece.at(-1)! >= 0xc0) piece[piece.length - 1] = blank;
}

const GENERATORS: Readonly<Record<CorpusName, () => Buffer>> = {
  records: () =>
    fill(1, (random) => `{"id":${random(9999)},"name":"${word(random)} ${word(random)}","ok":${random(2) === 0}},\n`),
  prose: () => fill(2, (random) => `${word(random)}${random(9) === 0 ? '.\n' : ' '}`),
  markup: () => fill(3, (random) => `<li class="${word(random)}"><a href="/${random(500)}">${word(random)}</a></li>\n`),
  bitmap: () => {
    const random = createRandom(4);
    // Each line of the image differs little from the one before.
    return Buffer.from(Array.from({ length: CORPUS_BYTES }, (_, index) => ((index % 512) >> 2) + random(4)));
  },
  archive: () => {
    const random = createRandom(5);
    return Buffer.from(Array.from({ length: CORPUS_BYTES }, () => random(256)));
  },
};

function fill(seed: number, next: (random: (below: number) => number) => string): Buffer {
  const random = createRandom(seed);
  const parts: string[] = [];
  for (let bytes = 0; bytes < CORPUS_BYTES;) {
    const part = next(random);
    parts.push(part);
    bytes += Buffer.byteLength(part);
  }
  return Buffer.from(parts.join(''), 'utf8');
}

function word(random: (below: number) => number): string {
  const syllables = ['ta', 'ri', 'mö', 'sen', 'lo', 'ü', 'kar', 'né', 'dit', 'om', 'ße', 'wun'];
  return Array.from({ length: 1 + random(3) }, () => syllables[random(syllables.length)]).join('');
}

/** Creates a linear congruential generator, so that the files are the same everywhere. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
