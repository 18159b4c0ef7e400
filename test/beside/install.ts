import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

const frameworks = join(import.meta.dirname, '../../examples/beside');

declare module 'vitest' {
  interface ProvidedContext {
    /** Why the frameworks are not there; empty when they are. */
    missingFrameworks: string;
  }
}

/** Returns the versions that a lockfile names, by the folder of the package. */
function versionsOf(path: string): Map<string, unknown> {
  const { packages } = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, { version?: string }> };
  return new Map(Object.entries(packages).map(([name, { version }]) => [name, version]));
}

/** Tells whether node_modules of a folder holds what package-lock.json asks for: npm keeps a copy of it there. */
export function isInstalled(folder: string): boolean {
  const installed = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = versionsOf(join(folder, 'package-lock.json'));
  // Packages for other systems are not installed.
  return Array.from(versionsOf(installed)).every(([name, version]) => wanted.get(name) === version);
}

/** Runs once before the tests beside frameworks: installs these, if they are not there yet. */
export default function installFrameworks(project: TestProject): void {
  let missing = '';
  try {
    if (!isInstalled(frameworks))
      execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: frameworks, stdio: 'pipe' });
  } catch (thrown) {
    missing = (thrown as Error).message.split('\n', 2).join(': ');
    process.stdout.write(`the frameworks cannot be installed: ${missing}\n`);
  }
  project.provide('missingFrameworks', missing);
}
