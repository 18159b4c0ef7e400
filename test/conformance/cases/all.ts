import type { ConformanceCase } from '../case.ts';
import { closing } from './closing.ts';
import { compression } from './compression.ts';
import { fragmentation } from './fragmentation.ts';
import { framing } from './framing.ts';
import { limits } from './limits.ts';
import { pings } from './pings.ts';
import { reserved } from './reserved.ts';
import { utf8 } from './utf8.ts';

/** The names of the categories, by the first part of an id. */
export const CATEGORIES: Readonly<Record<string, string>> = {
  1: 'frame lengths',
  2: 'ping and pong',
  3: 'reserved bits',
  4: 'reserved opcodes',
  5: 'fragmentation',
  6: 'UTF-8',
  7: 'closing',
  9: 'size and speed',
  10: 'many fragments',
  12: 'compressed contents',
  13: 'compression parameters',
  mask: 'bits',
  length: 'fields',
};

/** All cases in the order of their ids. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...framing,
  ...pings,
  ...reserved,
  ...fragmentation,
  ...utf8,
  ...closing,
  ...limits,
  ...compression,
].toSorted((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
