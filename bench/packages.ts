import { createRequire } from 'node:module';
import type { AddressInfo, Server } from 'node:net';
import { dirname, join } from 'node:path';
import { LIBRARY } from './peers/peer.ts';

/** npm runs commands in the folder of this library. */
export const projectFolder: string = process.cwd();
/** Folder of the package.json that lists the peers. Node looks for other packages among the dev dependencies. */
export const peersFolder: string = join(projectFolder, 'bench', 'npm');

const requireFromPeers = createRequire(join(peersFolder, 'package.json'));

const requireFromProject = createRequire(join(projectFolder, 'package.json'));

function isOwn(name: string): boolean {
  return name === LIBRARY || name.startsWith(`${LIBRARY}/`);
}

export function loadPackage(name: string): unknown {
  return (isOwn(name) ? requireFromProject(name) : requireFromPeers(name)) as unknown;
}

export function packageFolder(name: string): string {
  return isOwn(name) ? projectFolder : dirname(requireFromPeers.resolve(`${name}/package.json`));
}

export function versionOf(name: string): string {
  return (loadPackage(join(packageFolder(name), 'package.json')) as { readonly version: string }).version;
}

/** Optional native modules of ws, and with it of Socket.IO. */
export const NATIVE = 'with bufferutil and utf-8-validate where they are installed';

export function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
