/**
 * Packs the library and checks the tarball as its users will see it: publint, the types in every module mode, and an
 * installation into an empty folder, where the package is imported and required: `npm run check:package`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'package-'));

function run(command: string, args: readonly string[], cwd = process.cwd()): void {
  console.log(`> ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
}

function pack(): string {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const [packed] = JSON.parse(output) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error(`npm pack printed no package: ${output}`);
  console.log(packed.files.map((file) => file.path).join('\n'));
  return join(folder, packed.filename);
}

try {
  const tarball = pack();
  run('npx', ['publint', 'run', '--strict', tarball]);
  // CommonJS users load the same files: Node 20.19, 22.12 and later can require() a module.
  run('npx', ['attw', '--profile', 'esm-only', tarball]);

  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], folder);
  run('node', ['--input-type=module', '--eval', "await import('4d-websocket')"], folder);
  run('node', ['--input-type=commonjs', '--eval', "require('4d-websocket')"], folder);
} finally {
  rmSync(folder, { recursive: true });
}
