/** Writes the reference page of all errors: `npm run errors:docs`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { errorTable } from '../src/errors.ts';
import { renderErrorReference } from './error-reference.ts';

const folder = new URL('../docs/reference/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('errors.md', folder), renderErrorReference(errorTable));
