import { execFileSync, type SpawnSyncReturns } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** An application that has installed the packed library, and has the tools of this folder in its parent. */
    appFolder: string;
  }
}

const here = fileURLToPath(new URL('.', import.meta.url));

/** Runs once before the tests of this folder: packs the library and installs it into an application. */
export default function installApp(project: TestProject): () => void {
  if (!existsSync(join(here, 'node_modules'))) run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], here);
  const folder = mkdtempSync(join(tmpdir(), 'package-app-'));
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder])) as { filename: string }[];
  // The tools are found in the parent of the application, and the library nowhere but in the application.
  symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
  const app = join(folder, 'app');
  cpSync(join(here, 'app'), app, { recursive: true });
  const library = join(app, 'node_modules/4d-websocket');
  mkdirSync(library, { recursive: true });
  run('tar', ['-xzf', join(folder, packed!.filename), '-C', library, '--strip-components=1']);
  project.provide('appFolder', app);
  return () => rmSync(folder, { recursive: true });
}

/** Runs a program and returns what it printed. What a failing one printed is in the error. */
export function run(command: string, args: readonly string[], cwd = process.cwd()): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as SpawnSyncReturns<string>;
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: stderr });
  }
}
