import type { DataType } from '../session/message-types.ts';
import { FourDError } from './browser-error.ts';

/** Returns the text of a URL object as it is now; any other value as it is. */
export function toText(url: unknown): unknown {
  return (url as Partial<URL> | null | undefined)?.href ?? url;
}

/**
 * Returns a URL that a WebSocket can connect to. Unlike some browsers, the client demands the scheme, as in Node.
 *
 * @throws FourDError `ERR_INVALID_URL`
 */
export function checkUrl(url: unknown): string {
  // The URL may hold a secret, so the error does not show it.
  if (/^wss?:\/\/[^#]+$/i.test(url as string) && URL.canParse(url as string)) return url as string;
  throw new FourDError('ERR_INVALID_URL', 'write ws://host/path');
}

/**
 * Checks a handler, and reads its data type, once.
 *
 * @throws FourDError `ERR_INVALID_HANDLER`, `ERR_INVALID_HEADER` or `ERR_INVALID_DATA_TYPE`
 */
export function readDataType(handler: unknown): DataType {
  const { dataType = 'text', headers, schema } = handler as Readonly<Record<string, unknown>>;
  if (typeof handler !== 'object' || Array.isArray(handler) || schema) {
    throw new FourDError('ERR_INVALID_HANDLER', 'object, no schema');
  }
  if (headers) throw new FourDError('ERR_INVALID_HEADER', 'not in a page');
  if (/^(text|blob|object|auto)$/.test(dataType as string)) return dataType as DataType;
  throw new FourDError('ERR_INVALID_DATA_TYPE', 'use text|blob|object|auto');
}
