import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { peersFolder, projectFolder } from './folders.ts';

// The peers live in bench/npm; what is not installed there is looked for among the library's own dev dependencies.
const requireFromHere = createRequire(join(peersFolder, 'package.json'));

/** Loads a peer's package. */
export function loadPackage(name: string): unknown {
  return requireFromHere(name) as unknown;
}

/** Folder from which the name of a package is found, by Node's own rules. */
export function importingFolder(name: string): string {
  return name === '4d-websocket' ? projectFolder : peersFolder;
}

/** Folder of an installed package, as seen from `from`, or of this library. */
export function packageFolder(name: string, from: string = peersFolder): string {
  if (name === '4d-websocket') return projectFolder;
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) throw new Error(`the package ${name} is not installed`);
  }
}

/** The package.json of a folder. */
export function readManifest(folder: string): {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
} {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as ReturnType<typeof readManifest>;
}

export function versionOf(name: string): string {
  return readManifest(packageFolder(name)).version;
}
