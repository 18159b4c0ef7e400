import type { Rule } from '../test/spec/rules.ts';

/** One test in a result file. */
export interface TestOutcome {
  readonly title: string;
  readonly status: string;
}

export interface RuleOutcome {
  readonly rule: Rule;
  /** `missing`: no test of the rule ran. */
  readonly outcome: 'passed' | 'failed' | 'missing';
}

export interface RuleTable {
  readonly rows: readonly RuleOutcome[];
  /** Numbers in test titles that belong to no rule. */
  readonly unknown: readonly string[];
}

/** Returns the rules that a test proves: the numbers at the start of its title, as in `4D-035 4D-036 sends a code`. */
export function idsInTitle(title: string): string[] {
  const prefix = /^(?:4D-\d{3}\b[\s,]*)+/.exec(title)?.[0] ?? '';
  return Array.from(prefix.matchAll(/\d{3}/g), ([id]) => id);
}

export function tabulate(rules: readonly Rule[], tests: readonly TestOutcome[]): RuleTable {
  const statusesById = new Map<string, Set<string>>();
  for (const { title, status } of tests) {
    for (const id of idsInTitle(title)) {
      const statuses = statusesById.get(id) ?? new Set();
      statusesById.set(id, statuses.add(status));
    }
  }
  const known = new Set(rules.map((rule) => rule.id));
  return {
    rows: rules.map((rule) => ({ rule, outcome: outcomeOf(statusesById.get(rule.id)) })),
    unknown: [...statusesById.keys()].filter((id) => !known.has(id)).toSorted(),
  };
}

function outcomeOf(statuses: ReadonlySet<string> | undefined): RuleOutcome['outcome'] {
  if (statuses?.has('failed')) return 'failed';
  return statuses?.has('passed') ? 'passed' : 'missing';
}

export function formatTable({ rows, unknown }: RuleTable): string {
  const areaWidth = Math.max(...rows.map(({ rule }) => rule.area.length));
  const count = (outcome: RuleOutcome['outcome']): number => rows.filter((row) => row.outcome === outcome).length;
  return [
    ...rows.map(
      ({ rule, outcome }) => `4D-${rule.id}  ${outcome.padEnd(7)}  ${rule.area.padEnd(areaWidth)}  ${rule.statement}`,
    ),
    ...unknown.map((id) => `4D-${id}  unknown  a test title has this number, but there is no such rule`),
    `${rows.length} rules: ${count('passed')} passed, ${count('failed')} failed, ${count('missing')} missing`,
  ].join('\n');
}
