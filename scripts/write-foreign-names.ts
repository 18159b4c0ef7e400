/** Writes the reference page of the names that other libraries use: `npm run names:docs`. */
import { writeFileSync } from 'node:fs';
import { renderForeignNames } from './foreign-names-reference.ts';

writeFileSync(new URL('../docs/reference/names-from-other-libraries.md', import.meta.url), renderForeignNames());
