import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { peersFolder, projectFolder } from './folders.ts';

// The peers are in bench/npm. Node looks for other packages among the library's dev dependencies.
const requireFromHere = createRequire(join(peersFolder, 'package.json'));

/** Loads a peer's package. */
export function loadPackage(name: string): unknown {
  return requireFromHere(name) as unknown;
}

/** Returns the folder from which Node can resolve the name of a package. */
export function importingFolder(name: string): string {
  return name === '4d-websocket' ? projectFolder : peersFolder;
}

/** Returns the folder of an installed package, as Node resolves it from `from`, or of this library. */
export function packageFolder(name: string, from: string = peersFolder): string {
  if (name === '4d-websocket') return projectFolder;
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) throw new Error(`the package ${name} is not installed`);
  }
}

/** Reads the package.json of a folder. */
export function readManifest(folder: string): {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
} {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as ReturnType<typeof readManifest>;
}

export function versionOf(name: string): string {
  return readManifest(packageFolder(name)).version;
}
