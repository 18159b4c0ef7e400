import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the paths of all Markdown files of the project, relative to its root. */
export function documentationFiles(root: string): string[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  const below = ['docs', 'bench', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  );
  return [...top, ...below].toSorted();
}
