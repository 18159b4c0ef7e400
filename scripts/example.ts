/** Runs the example whose file name is, or begins with, the given word: `npm run example -- e1`. */
import { readdirSync } from 'node:fs';

const folder = new URL('../examples/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -'.ts'.length));
const [wanted = ''] = process.argv.slice(2);
const found = names.find((name) => name === wanted) ?? names.find((name) => name.startsWith(`${wanted}-`));

if (found === undefined) {
  console.error(`Usage: npm run example -- <name>, where <name> is one of:\n  ${names.join('\n  ')}`);
  process.exitCode = 1;
} else {
  process.argv.splice(2, 1);
  await import(new URL(`${found}.ts`, folder).href);
}
