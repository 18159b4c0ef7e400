import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { quoteExamples } from './quote-examples.ts';

for (const path of documentationFiles()) {
  const markdown = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    quoteExamples(markdown, (file) => readFileSync(file, 'utf8')),
  );
}
