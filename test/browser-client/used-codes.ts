import { readdirSync, readFileSync } from 'node:fs';
import type { ErrorCode } from '../../src/errors.ts';

/** Returns the codes of all errors that the sources of the browser client name. */
export function findUsedCodes(): ErrorCode[] {
  const folder = new URL('../../src/browser/', import.meta.url);
  const text = readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
  return [...new Set(text.match(/\bERR_[A-Z_\d]+[A-Z\d]\b/g))] as ErrorCode[];
}
