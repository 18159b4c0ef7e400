import { FourDError } from '../errors.ts';
import { checkFlag, checkNumber, invalidOption, kindOf, quoted, readOptions } from '../session/option-checks.ts';
import type { RequestOptions, SubscribeOptions } from '../topics/client-types.ts';
import { MAX_HISTORY, MAX_KEY_LENGTH, MAX_LAST } from '../topics/frame-reader.ts';
import type { PublishOptions } from '../topics/topic-handler.ts';

const SUBSCRIBE_KEYS: ReadonlySet<string> = new Set<keyof SubscribeOptions>(['since', 'presence']);
const PRESENCE_KEYS: ReadonlySet<string> = new Set(['show', 'watch']);
const PUBLISH_KEYS: ReadonlySet<string> = new Set<keyof PublishOptions>(['key', 'ttl', 'idempotencyKey', 'volatile']);
const REQUEST_KEYS: ReadonlySet<string> = new Set<keyof RequestOptions>(['timeoutMs', 'signal']);
const RANGE_KEYS: ReadonlySet<string> = new Set(['after', 'limit']);

const LAST_RANGE = { min: 1, max: MAX_LAST } as const;
const LIMIT_RANGE = { min: 1, max: MAX_HISTORY } as const;
const TIMEOUT_RANGE = { min: 0, max: Infinity } as const;
/** Shortest and longest `mid` of a frame, which a client's key becomes. */
const MIN_KEY_LENGTH = 16;
const MAX_MID_LENGTH = 64;

/**
 * Checks the arguments of `subscribe`: a misspelt option would be a subscription that begins at another place.
 *
 * @throws FourDError `ERR_INVALID_HANDLER`, `ERR_INVALID_OPTION`
 */
export function checkSubscribe(handler: unknown, options: SubscribeOptions): void {
  if (typeof handler !== 'object' || handler === null) {
    const message = `invalid topic handler: it must be an object with callbacks; received ${kindOf(handler)}`;
    throw new FourDError('ERR_INVALID_HANDLER', message, { componentSignature: 'HTCL' });
  }
  const advice = `: subscribe() takes ${[...SUBSCRIBE_KEYS].join(', ')}`;
  const { since, presence } = readOptions(options, SUBSCRIBE_KEYS, 'HTCL', { advice });
  checkSince(since);
  const { show, watch } = readOptions(presence ?? {}, PRESENCE_KEYS, 'HTCL', { prefix: 'presence.' });
  checkFlag('presence.show', show, 'HTCL');
  checkFlag('presence.watch', watch, 'HTCL');
}

function checkSince(since: unknown): void {
  if (since === undefined || since === 'now' || since === 'start' || since === 'state') return;
  const { last, after } = (typeof since === 'object' && since !== null ? since : {}) as Record<string, unknown>;
  if (last !== undefined) checkNumber('since.last', last, LAST_RANGE, 'HTCL');
  else if (typeof after !== 'string') {
    const forms = '"now", "start", "state", { last: number } or { after: position }';
    throw invalidOption(`since must be ${forms}; received ${quoted(since)}`, 'HTCL');
  }
}

/** @throws FourDError `ERR_INVALID_OPTION` */
export function checkPublish(options: PublishOptions): void {
  const advice = `: publish() takes ${[...PUBLISH_KEYS].join(', ')}`;
  const { key, ttl, idempotencyKey, volatile } = readOptions(options, PUBLISH_KEYS, 'HTCL', { advice });
  checkText('key', key, 1, MAX_KEY_LENGTH);
  checkText('idempotencyKey', idempotencyKey, MIN_KEY_LENGTH, MAX_MID_LENGTH);
  checkFlag('volatile', volatile, 'HTCL');
  if (ttl === undefined || (typeof ttl === 'number' && ttl > 0)) return;
  throw invalidOption(`ttl must be a number of seconds above 0; received ${kindOf(ttl)}`, 'HTCL');
}

function checkText(name: string, value: unknown, min: number, max: number): void {
  if (value === undefined || (typeof value === 'string' && value.length >= min && value.length <= max)) return;
  const received = typeof value === 'string' ? `one of ${value.length}` : kindOf(value);
  throw invalidOption(`${name} must be a text of ${min} to ${max} characters; received ${received}`, 'HTCL');
}

/** @throws FourDError `ERR_INVALID_OPTION` */
export function checkRequest(options: RequestOptions): void {
  const { timeoutMs } = readOptions(options, REQUEST_KEYS, 'HTCL', { advice: ': request() takes timeoutMs, signal' });
  if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, TIMEOUT_RANGE, 'HTCL');
}

/** @throws FourDError `ERR_INVALID_OPTION` */
export function checkRange(range: { readonly after?: unknown; readonly limit?: unknown }): void {
  const { after, limit } = readOptions(range, RANGE_KEYS, 'HTCL', { advice: ': history() takes after, limit' });
  if (limit !== undefined) checkNumber('limit', limit, LIMIT_RANGE, 'HTCL');
  if (after === undefined || typeof after === 'string') return;
  throw invalidOption(`after must be a position; received ${kindOf(after)}`, 'HTCL');
}
