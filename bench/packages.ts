import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LIBRARY } from './peers/peer.ts';

/** This library's own folder: the nearest one above this file, compiled or not, that has a package.json. */
export const projectFolder: string = folderAbove(dirname(fileURLToPath(import.meta.url)), 'package.json');
export const resultsFolder: string = join(projectFolder, 'bench', 'results');
/** Folder of the package.json that lists the peers. Node looks for other packages among the dev dependencies. */
export const peersFolder: string = join(projectFolder, 'bench', 'npm');

const requireFromPeers = createRequire(join(peersFolder, 'package.json'));

/** Returns the nearest folder, from `folder` up, that has a file. */
function folderAbove(folder: string, file: string): string {
  if (existsSync(join(folder, file))) return folder;
  if (folder === dirname(folder)) throw new Error(`${file} is not installed`);
  return folderAbove(dirname(folder), file);
}

/** Loads a peer's package. */
export function loadPackage(name: string): unknown {
  return requireFromPeers(name) as unknown;
}

/** Returns the folder of an installed package, or of this library. */
export function packageFolder(name: string): string {
  const path = join('node_modules', name);
  return name === LIBRARY ? projectFolder : join(folderAbove(peersFolder, join(path, 'package.json')), path);
}

export function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder(name), 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/** Describes which optional native modules ws, and with it Socket.IO, finds. */
export function nativeNotes(): string {
  const found = ['bufferutil', 'utf-8-validate'].filter((name) => existsSync(join(peersFolder, 'node_modules', name)));
  return found.length > 0 ? `with ${found.join(' and ')}` : 'without its native modules';
}

/** Starts a server on a free port of 127.0.0.1, and returns the port. */
export function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
