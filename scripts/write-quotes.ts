/** Copies the code of the examples into the documentation that quotes it: `npm run docs:quotes`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentationFiles } from './documentation-files.ts';
import { quoteExamples } from './quote-examples.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

for (const path of documentationFiles(root)) writeFileSync(join(root, path), quoteExamples(read(path), read));
