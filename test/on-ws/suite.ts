/**
 * Runs the tests of the package `ws` itself against the door `4d-websocket/ws`, and writes what passes and what does not to
 * `docs/reference/ws-suite.md`: `npm run ws:suite`. The tests are cloned from GitHub, or taken from a folder:
 * `npm run ws:suite -- --tests ../ws`.
 *
 * A test that fails runs once more in a process of its own: one before it may have taken it along.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { explain } from './suite/reasons.ts';

const FILES = ['websocket.test.js', 'websocket-server.test.js', 'create-websocket-stream.test.js'];
const PAGE = 'docs/reference/ws-suite.md';

interface Outcome {
  readonly state: 'pass' | 'fail' | 'skip';
  readonly title: string;
  readonly internals?: string;
  readonly message?: string;
  readonly isText?: boolean;
}

const { values } = parseArgs({ options: { tests: { type: 'string' } } });
const root = join(import.meta.dirname, '../..');
const mocha = join(import.meta.dirname, 'node_modules/mocha/bin/mocha.js');
const parts = join(import.meta.dirname, 'suite');
const HOOKS = ['--require', join(parts, 'hooks.cjs')];
const folder = mkdtempSync(join(tmpdir(), 'ws-suite-'));
const door = { ...process.env, WS_DOOR: join(root, 'dist/ws.js') };

/** Puts the tests of ws, and what they need of it, around the door. */
function prepare(): string {
  if (values.tests === undefined) {
    execFileSync('git', ['clone', '--quiet', '--depth', '1', 'https://github.com/websockets/ws', folder]);
  } else cpSync(values.tests, folder, { recursive: true });
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  cpSync(join(parts, 'index.cjs'), join(folder, 'index.js'));
  writeFileSync(join(folder, 'lib/websocket.js'), "module.exports = require('..');\n");
  writeFileSync(join(folder, 'lib/websocket-server.js'), "module.exports = require('..').Server;\n");
  writeFileSync(join(folder, 'lib/stream.js'), "module.exports = require('..').createWebSocketStream;\n");
  symlinkSync(join(import.meta.dirname, 'node_modules'), join(folder, 'node_modules'));
  return version;
}

async function runMocha(file: string, args: readonly string[]): Promise<Outcome[]> {
  const all = [
    mocha,
    '--exit',
    '--timeout',
    '3000',
    '--reporter',
    join(parts, 'reporter.cjs'),
    ...args,
    `test/${file}`,
  ];
  // mocha ends with the number of failures.
  const { stdout } = await promisify(execFile)(process.execPath, all, { cwd: folder, env: door }).catch(
    (error: unknown) => error as { stdout: string },
  );
  const lines = stdout.split('\n').filter((line) => line.startsWith('{"state"'));
  return lines.map((line) => JSON.parse(line) as Outcome);
}

/** Runs all tests of a file, and those alone that did not pass, in processes of their own. */
async function runFile(file: string): Promise<Outcome[]> {
  const titles = (await runMocha(file, ['--dry-run'])).map(({ title }) => title);
  const together = await runMocha(file, HOOKS);
  const outcomes = new Map<string, Outcome>();
  for (const title of titles) {
    const ran = together.filter((one) => one.title === title);
    const isGood = ran.length > 0 && ran.every(({ state }) => state !== 'fail');
    outcomes.set(title, isGood ? (ran[0] as Outcome) : await runAlone(file, title));
  }
  return [...outcomes.values()];
}

async function runAlone(file: string, title: string): Promise<Outcome> {
  const ran = (await runMocha(file, [...HOOKS, '--fgrep', title])).filter((one) => one.title === title);
  const failed = ran.find(({ state }) => state === 'fail');
  return failed ?? ran[0] ?? { state: 'fail', title, message: 'the process ended within the test' };
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}

try {
  const version = prepare();
  const rows: string[] = [];
  const missing: string[] = [];
  let unexplained = 0;
  for (const file of FILES) {
    const outcomes = await runFile(file);
    const count = (state: string): number => outcomes.filter((one) => one.state === state).length;
    rows.push(`| \`${file}\` | ${outcomes.length} | ${count('pass')} | ${count('skip')} | ${count('fail')} |`);
    for (const { state, title, internals, isText, message = '' } of outcomes) {
      if (state === 'pass') continue;
      const reason =
        internals === undefined ? explain(title, isText === true) : `looks at \`${internals}\`, a private part`;
      if (reason === undefined) {
        unexplained++;
        console.error(`not explained: ${title}: ${message.split('\n').slice(0, 6).join(' ')}`);
      }
      missing.push(`| ${cell(title)} | ${cell(reason ?? 'not explained')} |`);
    }
  }
  writeFileSync(
    join(root, PAGE),
    `# The tests of ws

\`npm run ws:suite\` writes this page: it runs the tests of the package \`ws\` itself, at version ${version}, against
[\`4d-websocket/ws\`](../guide/ws-door.md) with the options that give the behaviour of ws (\`throwAsWs\`, \`origins: '*'\`,
its limits). Tests of its inner classes (\`Receiver\`, \`Sender\`, \`PerMessageDeflate\`, …) are not among them. "Left out" are tests
that look at private parts; the others that do not pass mean something that is
[different on purpose](../guide/ws-door.md#what-is-different-on-purpose).

| tests | in all | pass | left out | do not pass |
| --- | ---: | ---: | ---: | ---: |
${rows.join('\n')}

## What does not pass

| test | why |
| --- | --- |
${missing.toSorted().join('\n')}
`,
  );
  console.log(rows.join('\n'));
  process.exitCode = unexplained === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
