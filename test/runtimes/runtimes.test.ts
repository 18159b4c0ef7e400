/** The package in Node.js, Bun and Deno. The table of README.md is what comes of it. */
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { makeFolder } from '../helpers/folder.ts';
import { installPackedLibrary, installTools, run } from '../helpers/packed-library.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The command line of each runtime, in front of a program. */
const runtimes = {
  'Node.js 20': ['node-20/bin/node'],
  'Node.js 22': ['node-22/bin/node'],
  'Node.js 24': ['node-24/bin/node'],
  'Node.js 26': ['node-26/bin/node'],
  Bun: ['bun/bin/bun'],
  Deno: ['deno/deno', 'run', '--allow-all'],
} as const;

interface Outcome {
  readonly version: string;
  /** "yes" or what went wrong, by the name of the feature. */
  readonly features: Readonly<Record<string, string>>;
}

const FINE: ReadonlySet<string> = new Set(['yes', 'no WebSocket of its own']);

const outcomes: Record<string, Outcome> = {};

beforeAll(() => installTools(here), 180_000);

test.each(Object.entries(runtimes))('%s runs everything', (name, [binary, ...args]) => {
  const command = join(here, 'node_modules', binary);
  // npm leaves out what is not for this platform.
  expect(existsSync(command), `${name} is not installed: it is for Linux on x64`).toBe(true);
  const app = makeFolder({ 'package.json': '{ "private": true }' });
  cpSync(join(here, 'program.mjs'), join(app, 'program.mjs'));
  installPackedLibrary(app);
  symlinkSync(fileURLToPath(new URL('../../node_modules/send', import.meta.url)), join(app, 'node_modules/send'));
  const { certificateFolder: files } = makeCertificateFolder();
  writeFileSync(join(files, 'page.txt'), 'hello');
  rmSync(join(files, 'socket'), { force: true });
  outcomes[name] = JSON.parse(run(command, [...args, 'program.mjs', files], app)) as Outcome;
  expect(Object.entries(outcomes[name].features).filter(([, outcome]) => !FINE.has(outcome))).toEqual([]);
});

test('README.md says so', () => {
  const features = Object.keys(Object.values(outcomes)[0]!.features);
  const rows = Object.entries(outcomes).map(([name, { version, features: results }]) => {
    return [name, version].concat(features.map((feature) => String(results[feature])));
  });
  const table = [['runtime', 'version', ...features], Array(features.length + 2).fill('---'), ...rows];
  const lines = table.map((row) => `| ${row.join(' | ')} |\n`).join('');
  expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(lines);
});
