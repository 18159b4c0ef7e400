/**
 * Packs the library and checks the tarball as its users will see it: publint, the types in every module mode, and an
 * installation into an empty folder, with and without the optional package for files: `npm run check:package`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

interface Packed {
  readonly tarball: string;
  readonly files: readonly string[];
}

const folder = mkdtempSync(join(tmpdir(), 'package-'));

function run(command: string, args: readonly string[], cwd = process.cwd()): void {
  console.log(`> ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
}

function pack(): Packed {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const [packed] = JSON.parse(output) as { filename: string; files: { path: string }[] }[];
  if (packed === undefined) throw new Error(`npm pack printed no package: ${output}`);
  const files = packed.files.map((file) => file.path);
  console.log(files.join('\n'));
  return { tarball: join(folder, packed.filename), files };
}

/** Fails when a page links to a file that is not in the package. */
function checkLinks(files: readonly string[]): void {
  const targets = new Set(files.flatMap((file) => [file, dirname(file), `${dirname(file)}/`]));
  for (const page of files.filter((file) => file.endsWith('.md'))) {
    for (const [, link = ''] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#\s]+)/g)) {
      if (!targets.has(join(dirname(page), link))) throw new Error(`${page} links to ${link}, which is not packed`);
    }
  }
}

/** Fails when a file is packed that is neither built nor part of the project, such as what an example has installed. */
function checkOrigin(files: readonly string[]): void {
  const tracked = new Set(execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n'));
  const strays = files.filter(
    (file) => !/^dist\/|^examples\/public\/4d-websocket\.js$/.test(file) && !tracked.has(file),
  );
  if (strays.length > 0)
    throw new Error(`${strays.length} files must not be packed: ${strays.slice(0, 10).join(', ')}`);
}

/** Fails when a program in the folder does not print what it should. */
function expectOutput(args: readonly string[], expected: string): void {
  console.log(`> node ${args.join(' ')}`);
  const output = execFileSync('node', args, { cwd: folder, encoding: 'utf8' });
  if (output !== expected) throw new Error(`it printed:\n${output}\ninstead of:\n${expected}`);
}

const STATIC_FILES = `
  const { WebServer } = require('4d-websocket');
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1', rootFolder: '.' });
  web.start().then(({ success, errors }) => {
    console.log(success, errors?.[0].errCode, errors?.[0].message.includes('npm install send'));
    return web.stop();
  });
`;

try {
  const { tarball, files } = pack();
  checkOrigin(files);
  checkLinks(files);
  run('npx', ['publint', 'run', '--strict', tarball]);
  run('npx', ['attw', tarball]);

  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], folder);
  const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
  if (packages.join() !== '4d-websocket') throw new Error(`the package installs others: ${packages.join(', ')}`);
  run('node', ['--input-type=module', '--eval', "await import('4d-websocket')"], folder);
  expectOutput(['--input-type=commonjs', '--eval', STATIC_FILES], 'false -20018 true\n');
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', 'send'], folder);
  expectOutput(['--input-type=commonjs', '--eval', STATIC_FILES], 'true undefined undefined\n');
} finally {
  rmSync(folder, { recursive: true });
}
