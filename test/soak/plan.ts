import type { CompressionOptions, DataType } from '../../src/index.ts';
import { createRandom } from './random.ts';

export type SideName = 'client' | 'server';

/**
 * How a connection ends: `agreed` when both have got everything; `early` when one side closes in the middle; `both` when both
 * do; `reset` when one side resets TCP in the middle.
 */
export type EndingKind = 'agreed' | 'early' | 'both' | 'reset';

/** How a side takes its messages: at once; each in a turn of its own; or with stops in which it reads nothing. */
export type ListeningKind = 'at once' | 'in turns' | 'with stops';

/** What one side does. */
export interface SidePlan {
  /** Messages that it sends when nothing ends it before. */
  readonly messages: number;
  /** With so many sent it closes or resets, where the ending is its own and not agreed. */
  readonly cut: number;
  /** Messages between two pauses. */
  readonly burst: number;
  readonly listening: ListeningKind;
}

/** All that happens on one connection. Both processes make it from the seed and the connection's number. */
export interface ConnectionPlan {
  readonly seed: number;
  readonly id: number;
  readonly dataType: DataType;
  /** The client's option; the server agrees to all. */
  readonly compression: boolean | CompressionOptions;
  readonly ending: EndingKind;
  /** The side that ends the connection; the other one waits. */
  readonly ender: SideName;
  readonly client: SidePlan;
  readonly server: SidePlan;
}

const COMPRESSIONS: readonly (boolean | CompressionOptions)[] = [
  false,
  true,
  { serverNoContextTakeover: false, clientNoContextTakeover: false, thresholdBytes: 100, clientMaxWindowBits: 11 },
];

/** The plan of one connection. */
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
