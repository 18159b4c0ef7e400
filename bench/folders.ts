import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This library's own folder: the nearest one above this file, compiled or not, that has a package.json. */
export const projectFolder: string = folderAbove(fileURLToPath(import.meta.url));
/** Folder of the results. */
export const resultsFolder: string = join(projectFolder, 'bench', 'results');
/** Folder of the package.json that lists the peers. */
export const peersFolder: string = join(projectFolder, 'bench', 'npm');

function folderAbove(path: string): string {
  const folder = dirname(path);
  return existsSync(join(folder, 'package.json')) ? folder : folderAbove(folder);
}
