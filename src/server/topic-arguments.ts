import { FourDError } from '../errors.ts';
import { checkNumber, invalidOption, kindOf, readGuarded, readOptions } from '../session/option-checks.ts';
import { DEFAULT_HISTORY, MAX_HISTORY, MAX_LAST } from '../topics/frame-reader.ts';
import type { Position } from '../topics/position.ts';
import type { Since } from '../topics/topic-handler.ts';
import { findTopicProblem } from '../topics/topic-name.ts';
import type { HistoryRange, Presence, ServerSubscribeOptions } from './topic-events.ts';
import { checkInfo, checkPresence } from './topic-grant.ts';

const RANGE_KEYS: ReadonlySet<string> = new Set<keyof HistoryRange>(['after', 'limit']);
const PROGRAM_KEYS: ReadonlySet<string> = new Set<keyof ServerSubscribeOptions>(['since']);
const CONNECTION_KEYS: ReadonlySet<string> = new Set<keyof ServerSubscribeOptions>(['since', 'presence', 'info']);
const LIMIT_RANGE = { min: 1, max: MAX_HISTORY } as const;
const LAST_RANGE = { min: 1, max: MAX_LAST } as const;

/** @throws FourDError `ERR_INVALID_TOPIC` */
export function checkTopic(topic: unknown): void {
  const problem = findTopicProblem(topic);
  if (problem !== undefined) {
    throw new FourDError('ERR_INVALID_TOPIC', `invalid topic: ${problem}`, { componentSignature: 'HTTP' });
  }
}

/**
 * Reads the options of `wss.topics.subscribe`.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkProgramOptions(options: Pick<ServerSubscribeOptions, 'since'>): Since {
  return checkSince(readOptions(options, PROGRAM_KEYS, 'HTTP').since);
}

/**
 * Reads the options of `connection.subscribe`.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkConnectionOptions(options: ServerSubscribeOptions): {
  readonly since: Since;
  readonly presence: Presence;
} {
  const { since, presence, info } = readOptions(options, CONNECTION_KEYS, 'HTTP');
  return { since: checkSince(since), presence: { ...checkPresence(presence), info: checkInfo(info) } };
}

function checkSince(since: unknown = 'now'): Since {
  if (since === 'now' || since === 'start' || since === 'state') return since;
  if (typeof since === 'object' && since !== null) {
    const { last, after } = readGuarded('since', () => readPlace(since), 'HTTP');
    if (last !== undefined) return { last: checkNumber('since.last', last, LAST_RANGE, 'HTTP') };
    if (typeof after === 'string') return { after };
  }
  const forms = '"now", "start", "state", { last: number } or { after: position }';
  throw invalidOption(`since must be ${forms}; received ${kindOf(since)}`, 'HTTP');
}

function readPlace(since: object): { readonly last: unknown; readonly after: unknown } {
  const { last, after } = since as { readonly last?: unknown; readonly after?: unknown };
  return { last, after };
}

/**
 * Reads a range of a history.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkRange(range: HistoryRange): { readonly after: Position | undefined; readonly limit: number } {
  const { after, limit = DEFAULT_HISTORY } = readOptions(range, RANGE_KEYS, 'HTTP');
  if (after !== undefined && typeof after !== 'string') {
    throw invalidOption(`after must be a position; received ${kindOf(after)}`, 'HTTP');
  }
  return { after, limit: checkNumber('limit', limit, LIMIT_RANGE, 'HTTP') };
}
