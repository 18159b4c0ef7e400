import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Benchmark } from '../benchmark.ts';
import { packageFolder, readManifest } from '../packages.ts';
import { LIBRARY } from '../peers.ts';

/** Measures the size of a peer on disk, alone and with all its dependencies. */
export const packageSize: Benchmark = {
  name: 'package-size',
  title: 'Package size, unpacked',
  metrics: [
    { name: 'own', title: 'bytes', better: 'lower' },
    { name: 'total', title: 'bytes with dependencies', better: 'lower' },
  ],
  headline: 'total',
  side: 'package',
  maxRounds: 1,
  async measure({ name, packageName = '' }) {
    const folder = packageFolder(packageName);
    const own = name === LIBRARY ? await packedBytes(folder) : folderBytes(folder);
    const dependencies = Array.from(dependenciesOf(folder)).filter((dependency) => dependency !== folder);
    return { figures: { own, total: dependencies.reduce((sum, each) => sum + folderBytes(each), own) } };
  },
};

/** Returns the size of the files that npm would publish of this project. */
async function packedBytes(folder: string): Promise<number> {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
    shell: process.platform === 'win32',
  });
  const [packed] = JSON.parse(stdout) as { unpackedSize: number }[];
  if (packed === undefined) throw new Error('npm pack printed no package');
  return packed.unpackedSize;
}

function folderBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    // Nested packages are counted as dependencies.
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + folderBytes(path);
    return sum + statSync(path).size;
  }, 0);
}

/** Returns the folders of a package and all its dependencies. */
function dependenciesOf(folder: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(folder)) return found;
  found.add(folder);
  for (const name of Object.keys(readManifest(folder).dependencies ?? {})) {
    dependenciesOf(packageFolder(name, folder), found);
  }
  return found;
}
