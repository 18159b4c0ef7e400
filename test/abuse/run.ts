/** Attacks a server while honest clients use it: see `npm run abuse -- --help`. */
import { ALLOWANCES } from './bounds.ts';
import { type CommandLine, parseCommandLine, USAGE } from './runner/command-line.ts';
import { judge } from './runner/judge.ts';
import { runAttack } from './runner/run-attack.ts';
import { TABLE_HEAD, toLegend, toTableRow } from './runner/table.ts';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs all attacks and returns the problems, each with the name of its attack. */
async function runAll({ attacks, ...plan }: CommandLine): Promise<string[]> {
  const failures: string[] = [];
  let mostSockets = 0;
  print(TABLE_HEAD);
  for (const attack of attacks) {
    try {
      const outcome = await runAttack(attack, plan);
      const problems = judge(attack, outcome);
      mostSockets = Math.max(mostSockets, outcome.hostile.mostSockets + plan.honestClients);
      print(toTableRow(attack, outcome, problems));
      failures.push(...problems.map((problem) => `${attack.name}: ${problem}`));
    } catch (error) {
      print(`| ${attack.name} | FAILED |`);
      failures.push(`${attack.name}: ${(error as Error).message}`);
    }
  }
  print(`\n${plan.honestClients} honest clients, at most ${mostSockets} sockets at once. The hostile peers:\n`);
  for (const attack of attacks) print(`- ${toLegend(attack)}`);
  print(`\n${ALLOWANCES}\n`);
  return failures;
}

try {
  const commandLine = parseCommandLine(process.argv.slice(2));
  if (commandLine.needsHelp) print(USAGE);
  else {
    const failures = await runAll(commandLine);
    for (const failure of failures) print(`FAILED ${failure}`);
    if (failures.length > 0) process.exitCode = 1;
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
