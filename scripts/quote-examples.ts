/** A line of Markdown that names the file whose content the code block behind it quotes. */
const MARKER = /^<!-- file: (\S+) -->$/;

/**
 * Puts the content of files into the code blocks that quote them, so that documentation shows code that runs.
 *
 * @param markdown - text in which a line `<!-- file: path -->` stands before a fenced code block
 * @param readFile - gives the content of a file by its path from the root of the project
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
