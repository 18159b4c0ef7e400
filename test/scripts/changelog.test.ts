import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dateChangelog } from '../../scripts/changelog.ts';

const before = '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- New.\n\n## [1.0.0] - 2026-01-01\n\n- Old.\n';

test('what is unreleased gets a version and a date, and the heading stays for what comes next', () => {
  expect(dateChangelog(before, '1.1.0', '2026-11-28')).toBe(
    before.replace('## [Unreleased]\n', '## [Unreleased]\n\n## [1.1.0] - 2026-11-28\n'),
  );
});

test.each([
  ['nothing under the heading', before.replace('- New.', ''), 'nothing under "Unreleased"'],
  ['no heading', before.replace('## [Unreleased]', '## Unreleased'), 'must have one line "## [Unreleased]"'],
  ['two headings', before + before, 'must have one line'],
])('a changelog with %s is refused', (_, changelog, reason) => {
  expect(() => dateChangelog(changelog, '1.1.0', '2026-11-28')).toThrow(reason);
});

test('the changelog of this project has one heading for what comes next', () => {
  expect(readFileSync('CHANGELOG.md', 'utf8').match(/^## \[Unreleased\]$/gm)).toHaveLength(1);
});
