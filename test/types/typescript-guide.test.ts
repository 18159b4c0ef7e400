import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { makeFolder } from '../helpers/folder.ts';

const root = join(import.meta.dirname, '..', '..');
const guide = readFileSync(join(root, 'docs/guide/typescript.md'), 'utf8');

/** The points of lists: each may take several lines, which `prefix` begins. */
function pointsOf(text: string, prefix: string): string[] {
  const lines = text.split('\n').map((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : ''));
  const points = lines.join('\n').matchAll(/^- .*(?:\n {2}.+)*/gm);
  return Array.from(points, ([point]) => point.replaceAll(/\s+/g, ' '));
}

test('each point of the TypeScript guide is quoted in front of what proves it, and no other', () => {
  const proved = pointsOf(readFileSync(join(root, 'test/types/typescript-guide.test-d.ts'), 'utf8'), '// ');
  const points = pointsOf(guide, '');
  expect(points.length).toBeGreaterThan(15);
  expect(proved).toEqual(points);
});

test('the programs of the TypeScript guide compile', { timeout: 60_000 }, async () => {
  const programs = Array.from(guide.matchAll(/^```ts\n(.*?)^```$/gms), ([, program]) => program as string);
  expect(programs.length).toBeGreaterThan(3);
  const folder = makeFolder(Object.fromEntries(programs.map((program, i) => [`program-${i + 1}.ts`, program])));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const compilerOptions = { noEmit: true, paths: { '4d-websocket': [join(root, 'src/index.ts')] } };
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const run = promisify(execFile)(process.execPath, [tsc, '-p', folder, '--pretty', 'false']);
  const { stdout } = await run.catch((error: unknown) => error as { readonly stdout: string });
  expect(stdout).toBe('');
});
