/**
 * Prints for each rule of behaviour whether its tests passed: `npm run spec`.
 *
 * Without arguments, the script runs both test commands first. With arguments, it reads these files: JSON results of
 * earlier runs.
 */
import { execSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rules } from '../test/spec/rules.ts';
import { formatTable, tabulate } from './rule-outcomes.ts';
import type { TestOutcome } from './rule-outcomes.ts';

interface JsonReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly TestOutcome[];
  }[];
}

function readOutcomes(file: string): TestOutcome[] {
  const report = JSON.parse(readFileSync(file, 'utf8')) as JsonReport;
  return report.testResults.flatMap((suite) => suite.assertionResults);
}

function runTests(): TestOutcome[] {
  const folder = mkdtempSync(join(tmpdir(), 'spec-'));
  const hasBrowser = existsSync(process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium');
  const commands = ['npm test', ...(hasBrowser ? ['npm run test:browser'] : [])];
  try {
    return commands.flatMap((command, index) => {
      const file = join(folder, `${index}.json`);
      try {
        execSync(command, { stdio: 'inherit', env: { ...process.env, TEST_RESULTS: file } });
      } catch (error) {
        // A failing test makes the command fail, but its results belong in the table.
        if (!existsSync(file)) throw error;
      }
      return readOutcomes(file);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const files = process.argv.slice(2);
const table = tabulate(rules, files.length > 0 ? files.flatMap(readOutcomes) : runTests());
console.log(formatTable(table));
if (table.unknown.length > 0 || table.rows.some((row) => row.outcome !== 'passed')) process.exitCode = 1;
