import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This library's own folder, above wherever this file was compiled to. */
export const projectFolder: string = folderAbove(fileURLToPath(import.meta.url));
/** Where results go. */
export const resultsFolder: string = join(projectFolder, 'bench', 'results');
/** Where the package.json is that lists the peers. */
export const peersFolder: string = join(projectFolder, 'bench', 'npm');

function folderAbove(path: string): string {
  const folder = dirname(path);
  return existsSync(join(folder, 'package.json')) ? folder : folderAbove(folder);
}
