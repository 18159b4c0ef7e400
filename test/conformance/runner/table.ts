import { CATEGORIES } from '../cases/all.ts';
import type { CaseResult, Verdict } from './judge.ts';

const VERDICTS: readonly Verdict[] = ['ok', 'informational', 'non-strict', 'unsupported', 'failed'];

/** Formats the results of a peer: one line per category, then each case with a detail or another verdict than OK. */
export function formatResults(peerName: string, results: readonly CaseResult[], seconds: number): string {
  const rows = Object.entries(CATEGORIES)
    .map(
      ([category, name]) => [`${category} ${name}`, results.filter(({ id }) => id.startsWith(`${category}.`))] as const,
    )
    .filter(([, inCategory]) => inCategory.length > 0);
  const lines = [
    formatLine(peerName, VERDICTS),
    ...rows.map(([name, inCategory]) => formatLine(name, countVerdicts(inCategory))),
    formatLine(`all ${results.length} in ${seconds.toFixed(1)} s`, countVerdicts(results)),
    ...results.filter(isWorthTelling).map(({ id, verdict, title, detail }) => `${id} ${verdict}: ${title}: ${detail}`),
  ];
  return lines.join('\n');
}

/** Counts the results of each verdict, in the order of the table. */
function countVerdicts(results: readonly CaseResult[]): number[] {
  return VERDICTS.map((verdict) => results.filter((result) => result.verdict === verdict).length);
}

/** Leaves out unsupported cases, which the table counts in one line. */
function isWorthTelling({ verdict, detail }: CaseResult): boolean {
  return verdict !== 'unsupported' && (verdict !== 'ok' || detail !== '');
}

function formatLine(name: string, cells: readonly (string | number)[]): string {
  return [name.padEnd(28), ...cells.map((cell) => String(cell).padStart(14))].join('');
}
