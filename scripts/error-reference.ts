import type { ErrorRow } from '../src/errors.ts';

const introduction = `# Errors

<!-- Written by \`npm run errors:docs\` from the table in src/errors.ts. Change that table, not this page. -->

Every error of the library is a \`FourDError\`. Its \`code\` is a stable name, and its \`errCode\` is the number for 4D
code. Compare one of these, not the message, whose figures and wording may change.
`;

/** Renders a table of errors as the page `docs/reference/errors.md`. */
export function renderErrorReference(table: Readonly<Record<string, ErrorRow>>): string {
  const rows = Object.entries(table);
  const section = (title: string, isIn: (errCode: number) => boolean): string => {
    const lines = rows
      .filter(([, row]) => isIn(row.errCode))
      .map(([code, row]) => `| \`${code}\` | ${row.errCode} | ${row.meaning.replaceAll('|', '\\|')} |`);
    return `## ${title}\n\n| code | errCode | meaning |\n| --- | ---: | --- |\n${lines.join('\n')}\n`;
  };
  return [
    introduction,
    section('Errors of a connection: `errCode` is the close code', (errCode) => errCode > 0),
    section('Other errors', (errCode) => errCode <= 0),
  ].join('\n');
}
