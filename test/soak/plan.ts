import type { CompressionOptions, DataType } from '../../src/index.ts';
import { createRandom } from './random.ts';

export type SideName = 'client' | 'server';

/**
 * How a connection ends: `agreed` when both have got everything; `early` when one side closes in the middle; `both`
 * when both do; `reset` when one side resets TCP in the middle.
 */
export type EndingKind = 'agreed' | 'early' | 'both' | 'reset';

/** How a side takes messages: at once; each in a turn of its own; or with pauses in which it reads nothing. */
export type ListeningKind = 'at once' | 'in turns' | 'with stops';

/** The plan of one side. */
export interface SidePlan {
  /** Messages that the side sends unless the connection ends before. */
  readonly messages: number;
  /** Messages after which the side closes or resets, when it is the ender and the ending is not `agreed`. */
  readonly cut: number;
  /** Messages between two pauses. */
  readonly burst: number;
  readonly listening: ListeningKind;
}

/** The plan of one connection. Both processes derive it from the seed and the connection's number. */
export interface ConnectionPlan {
  readonly seed: number;
  readonly id: number;
  readonly dataType: DataType;
  /** The client's option; the server agrees to every one. */
  readonly compression: boolean | CompressionOptions;
  readonly ending: EndingKind;
  /** The side that ends the connection; the other one waits. */
  readonly ender: SideName;
  readonly client: SidePlan;
  readonly server: SidePlan;
}

/**
 * Connections of a round, which are the same in each round: all kinds of endings, data types and compression are among
 * them.
 */
export const ROUND_CONNECTIONS = 200;
/** Number of the first connection of a round: higher than those of the load. */
export const FIRST_ROUND_ID = 1_000_000_000;

const COMPRESSIONS: readonly (boolean | CompressionOptions)[] = [
  false,
  true,
  { serverNoContextTakeover: false, clientNoContextTakeover: false, thresholdBytes: 100, clientMaxWindowBits: 11 },
];

/** Makes the plan of one connection. */
export function planOf(seed: number, id: number): ConnectionPlan {
  const random = createRandom(seed ^ Math.imul(id, 0x9e37_79b1));
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const side = (): SidePlan => {
    const messages = 1 + Math.floor(random() * 40);
    return {
      messages,
      cut: Math.floor(random() * messages),
      burst: 1 + Math.floor(random() * 10),
      listening: pick(['at once', 'at once', 'in turns', 'with stops']),
    };
  };
  return {
    seed,
    id,
    dataType: pick(['text', 'blob', 'object']),
    compression: pick(COMPRESSIONS),
    ending: pick(['agreed', 'agreed', 'agreed', 'agreed', 'early', 'early', 'both', 'reset', 'reset']),
    ender: pick(['client', 'server']),
    client: side(),
    server: side(),
  };
}
