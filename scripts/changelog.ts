const HEADING = '## [Unreleased]\n';

/**
 * Puts what stands under "Unreleased" under a version and its date.
 *
 * @throws Error when nothing stands there: a release without changes for users is a mistake
 */
export function dateChangelog(changelog: string, version: string, date: string): string {
  const [before, after, ...more] = changelog.split(HEADING);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`CHANGELOG.md must have one line "${HEADING.trim()}"`);
  }
  const [changes = ''] = after.split(/^## /m);
  if (!/^- /m.test(changes)) throw new Error('CHANGELOG.md has nothing under "Unreleased": what do users get?');
  return `${before}${HEADING}\n## [${version}] - ${date}\n${after}`;
}
