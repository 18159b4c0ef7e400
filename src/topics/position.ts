import type { Place } from './broker.ts';

/**
 * The place of a message in its topic: `epoch.offset.tag` in base 36, at most 40 characters. Opaque: compare positions
 * with `===` only, and keep them as they are.
 */
export type Position = string;

const POSITION = /^([0-9a-z]{1,16})\.(0|[1-9a-z][0-9a-z]{0,10})\.(0|[1-9a-z][0-9a-z]{0,6})$/;

const LONGEST = 40;

const MAX_TAG = 0xffff_ffff;

/** A position, taken apart. */
export interface ParsedPosition extends Place {
  readonly epoch: string;
}

/** Writes a position. */
export function toPosition(epoch: string, { offset, tag }: Place): Position {
  return `${epoch}.${offset.toString(36)}.${tag.toString(36)}`;
}

/** Reads a position; undefined when the text is not exactly what {@link toPosition} writes. */
export function parsePosition(text: unknown): ParsedPosition | undefined {
  if (typeof text !== 'string' || text.length > LONGEST) return undefined;
  const [, epoch = '', offsetText = '', tagText = ''] = POSITION.exec(text) ?? [];
  const offset = Number.parseInt(offsetText, 36);
  const tag = Number.parseInt(tagText, 36);
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(tag) || tag > MAX_TAG) return undefined;
  return { epoch, offset, tag };
}
