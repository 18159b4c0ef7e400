import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { isInstalled } from '../beside/install.ts';

const folder = import.meta.dirname;

declare module 'vitest' {
  interface ProvidedContext {
    /** Why the programs are not there; empty when they are. */
    missingPrograms: string;
  }
}

/** Runs once before the programs: installs them, if they are not there yet. The library must have been built. */
export default function installPrograms(project: TestProject): void {
  let missing = '';
  try {
    if (!existsSync(join(folder, '../../dist/ws.js'))) throw new Error('the library is not built: npm run build');
    if (!isInstalled(folder)) {
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'pipe' });
    }
  } catch (thrown) {
    missing = (thrown as Error).message.split('\n', 2).join(': ');
    process.stdout.write(`the programs cannot be installed: ${missing}\n`);
  }
  project.provide('missingPrograms', missing);
}
