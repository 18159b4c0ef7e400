/** A line of Markdown that names the file that the next code block quotes. */
const MARKER = /^<!-- file: (\S+) -->$/;

/**
 * Replaces each code block that quotes a file with the content of that file, so that documentation shows code that
 * runs.
 *
 * @param markdown - text in which a line `<!-- file: path -->` stands before a fenced code block
 * @param readFile - returns the content of a file, given its path from the root of the project
 * @throws Error when no code block follows such a line, or the code block does not end
 */
export function quoteExamples(markdown: string, readFile: (path: string) => string): string {
  const quoted: string[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    quoted.push(line);
    const path = MARKER.exec(line)?.[1];
    if (path === undefined) continue;
    const fence = lines[++i];
    if (fence?.startsWith('```') !== true) throw new Error(`no code block behind the marker of ${path}`);
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`the code block of ${path} does not end`);
    quoted.push(fence, readFile(path).trimEnd(), '```');
    i = end;
  }
  return quoted.join('\n');
}
