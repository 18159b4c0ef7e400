import { FourDError, textOfThrown } from '../errors.ts';
import { toWire } from '../session/data-type.ts';
import { checkFlag, invalidOption, kindOf, readGuarded, readOptions } from '../session/option-checks.ts';
import type { Publication } from '../topics/feed.ts';
import { MAX_KEY_LENGTH } from '../topics/frame-reader.ts';
import type { PublishOptions } from '../topics/topic-handler.ts';
import type { AnyConnection } from './broadcast-options.ts';
import { WebSocketConnection } from './web-socket-connection.ts';

/** Options of `wss.topics.publish`. */
export interface ServerPublishOptions extends PublishOptions {
  /** A connection that does not get the message, also not after its client has come back on another connection. */
  readonly except?: AnyConnection | undefined;
}

const KEYS: ReadonlySet<string> = new Set<keyof ServerPublishOptions>([
  'key',
  'ttl',
  'idempotencyKey',
  'volatile',
  'except',
]);

/** Keys of the program and of clients do not meet. */
const PROGRAM_SCOPE = 'p:';

/**
 * Checks what a program publishes.
 *
 * @throws FourDError `ERR_INVALID_MESSAGE` or `ERR_INVALID_OPTION`
 */
export function toPublication(
  data: unknown,
  given: ServerPublishOptions,
  maxBytes: number,
  from: string | undefined,
): Publication {
  const { key, ttl, idempotencyKey, volatile, except } = readOptions(given, KEYS, 'HTTP', {
    advice: `: publish() takes ${[...KEYS].join(', ')}`,
  });
  checkText('key', key);
  checkText('idempotencyKey', idempotencyKey);
  if (ttl !== undefined && !(typeof ttl === 'number' && ttl > 0)) {
    throw invalidOption(`ttl must be a number of seconds above 0; received ${kindOf(ttl)}`, 'HTTP');
  }
  const isVolatile = checkFlag('volatile', volatile, 'HTTP') ?? false;
  const wire = toData(data);
  checkSize(wire, maxBytes);
  return {
    data: wire,
    key,
    isRemoved: key !== undefined && wire === 'null',
    ttl,
    idempotencyKey: idempotencyKey === undefined ? undefined : `${PROGRAM_SCOPE}${idempotencyKey}`,
    isVolatile,
    from,
    except: except === undefined ? undefined : sessionOf(except),
  };
}

function checkText(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value !== '' && value.length <= MAX_KEY_LENGTH)) return;
  throw invalidOption(`${name} must be a text of 1 to ${MAX_KEY_LENGTH} characters; received ${kindOf(value)}`, 'HTTP');
}

function sessionOf(connection: unknown): string | undefined {
  const session = readGuarded(
    'except',
    () => (connection instanceof WebSocketConnection ? (connection.session ?? '') : undefined),
    'HTTP',
  );
  if (session === undefined) throw invalidOption(`except must be a connection; received ${kindOf(connection)}`, 'HTTP');
  return session;
}

/**
 * Converts data of the user to JSON text, or to bytes of its own.
 *
 * @throws FourDError `ERR_INVALID_MESSAGE`
 */
export function toData(data: unknown): string | Buffer {
  if (data === null || typeof data === 'boolean') return String(data);
  if (typeof data === 'string') return JSON.stringify(data);
  if (typeof data === 'number' && Number.isFinite(data)) return String(data);
  if (typeof data === 'object') {
    const wire = toWire(data, 'HTTP');
    return typeof wire === 'string' ? wire : Buffer.from(wire);
  }
  const name = typeof data === 'number' ? textOfThrown(data) : typeof data;
  throw invalidData(`cannot publish ${name}: pass a string, a number, true, false, null, an object, an array or bytes`);
}

/** @throws FourDError `ERR_INVALID_MESSAGE` */
export function checkSize(data: string | Uint8Array, maxBytes: number): void {
  const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
  if (bytes <= maxBytes) return;
  throw invalidData(tooLong(bytes, maxBytes), { limit: maxBytes, observed: bytes });
}

/** Says that data is too long. */
export function tooLong(bytes: number, maxBytes: number): string {
  return `data is too long: ${bytes} bytes (payloadBytes ${maxBytes})`;
}

function invalidData(
  message: string,
  details: { readonly limit?: number; readonly observed?: number } = {},
): FourDError {
  return new FourDError('ERR_INVALID_MESSAGE', message, { componentSignature: 'HTTP', ...details });
}
