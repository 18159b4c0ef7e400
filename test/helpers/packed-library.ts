import { execFileSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Runs a program and returns what it printed. What a failing one printed is in the error. */
export function run(command: string, args: readonly string[], cwd = process.cwd()): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as SpawnSyncReturns<string>;
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Installs the packages of a folder of tests from its lockfile, once, and again when the lockfile has changed. */
export function installTools(folder: string): void {
  const installed = join(folder, 'node_modules/.package-lock.json');
  const isNewest = existsSync(installed) && modifiedMs(installed) >= modifiedMs(join(folder, 'package-lock.json'));
  if (isNewest) return;
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
}

function modifiedMs(file: string): number {
  return statSync(file).mtimeMs;
}

/** Packs the library as it is built, and installs it into the node_modules of an application. */
export function installPackedLibrary(appFolder: string): void {
  const library = join(appFolder, 'node_modules/4d-websocket');
  mkdirSync(library, { recursive: true });
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', appFolder])) as {
    filename: string;
  }[];
  run('tar', ['-xzf', join(appFolder, packed!.filename), '-C', library, '--strip-components=1']);
}
