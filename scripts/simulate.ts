/**
 * Simulates a cluster of the size of the internet and writes the page of the results: `npm run simulate`. With `--check` it
 * writes nothing, and fails when the page says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { writePage } from './simulate/page.ts';
import { World, WORLD } from './simulate/world.ts';

const SEED = 42;
const file = new URL('../docs/internet-scale.md', import.meta.url);

const page = writePage(new World(SEED, WORLD));
if (!process.argv.includes('--check')) {
  writeFileSync(file, page);
} else if (readFileSync(file, 'utf8') !== page) {
  console.error('docs/internet-scale.md is not what the simulation says: npm run simulate');
  process.exitCode = 1;
}
