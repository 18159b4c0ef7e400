import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Comment, parseSync, type Statement } from 'oxc-parser';

/**
 * Returns what a door exports, as its declarations say it without their comments: what users see, and what a change must
 * not break by accident.
 *
 * @param file - the declarations of the door
 */
export function describePublicApi(file: string): string {
  const exports = statementsOf(file).flatMap(({ statement }) => {
    if (statement.type !== 'ExportNamedDeclaration' || statement.source === null) return [];
    const source = join(dirname(file), statement.source.value.replace(/\.ts$/, '.d.ts'));
    return statement.specifiers.map(({ local, exported }) => ({
      source,
      local: nameOf(local),
      name: nameOf(exported),
    }));
  });
  return exports
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ source, local, name }) => `// ${name}\n${declarationOf(source, local)}\n`)
    .join('\n');
}

interface Found {
  readonly statement: Statement;
  /** The statement without its comments. */
  readonly text: string;
}

function statementsOf(file: string): Found[] {
  const code = readFileSync(file, 'utf8');
  const { program, comments } = parseSync(file, code);
  return program.body.map((statement) => ({ statement, text: textOf(code, statement, comments) }));
}

function textOf(code: string, { start, end }: Statement, comments: readonly Comment[]): string {
  let text = '';
  let position = start;
  for (const comment of comments.filter((each) => each.start >= start && each.end <= end)) {
    text += code.slice(position, comment.start);
    position = comment.end;
  }
  return (text + code.slice(position, end)).replaceAll(/\n\s*(?=\n)/g, '');
}

/** Functions may have several declarations. */
function declarationOf(file: string, name: string): string {
  const found = statementsOf(file).filter(({ statement }) => declaredNames(statement).includes(name));
  if (found.length === 0) throw new Error(`${file} does not declare ${name}`);
  return found.map(({ text }) => text).join('\n');
}

function declaredNames(statement: Statement): string[] {
  const declared = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
  if (declared === null) return [];
  if (declared.type === 'VariableDeclaration') return declared.declarations.map(({ id }) => nameOf(id));
  return 'id' in declared && declared.id !== null ? [nameOf(declared.id)] : [];
}

function nameOf(node: object): string {
  if ('name' in node) return String(node.name);
  return 'value' in node ? String(node.value) : '';
}
