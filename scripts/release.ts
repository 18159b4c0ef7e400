/**
 * Makes a release in this folder: `npm run release -- patch`, or minor, or major. Checks the package, raises the version,
 * dates the changelog, commits and tags. Nothing leaves the machine: the commands for that are printed.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dateChangelog } from './changelog.ts';

const CHANGED = ['package.json', 'package-lock.json', 'CHANGELOG.md'];
const shell = process.platform === 'win32';

function run(command: string, ...args: readonly string[]): void {
  console.log(`> ${command} ${args.join(' ')}`);
  execFileSync(command, args, { stdio: 'inherit', shell });
}

function outputOf(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', shell }).trim();
}

function release(kind: string): void {
  if (outputOf('git', 'status', '--porcelain') !== '') throw new Error('commit, stash or remove what git status shows');
  const changelog = readFileSync('CHANGELOG.md', 'utf8');
  // A changelog without changes must show before the checks, which take minutes.
  dateChangelog(changelog, '', '');
  const head = outputOf('git', 'rev-parse', 'HEAD');
  run('npm', 'run', 'check:package');
  run('npm', 'run', 'test:package');
  try {
    const tag = outputOf('npm', 'version', kind, '--no-git-tag-version', '--ignore-scripts');
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync('CHANGELOG.md', dateChangelog(changelog, tag.slice(1), date));
    // npm builds the package anew for this.
    run('npm', 'pack', '--dry-run');
    run('git', 'commit', '--quiet', '--message', `release: ${tag}`, ...CHANGED);
    run('git', 'tag', '--annotate', '--message', tag, tag);
    console.log(`\n${tag} is committed and tagged. To publish it, in a pipeline that npm can verify:\n`);
    console.log(`  git push --follow-tags && npm publish --provenance --access public`);
  } catch (error) {
    // The tree was clean, so nothing else is lost.
    run('git', 'reset', '--quiet', '--hard', head);
    throw error;
  }
}

const [kind = '', ...rest] = process.argv.slice(2);
if (!['patch', 'minor', 'major'].includes(kind) || rest.length > 0) {
  console.error('Usage: npm run release -- patch | minor | major');
  process.exitCode = 2;
} else release(kind);
