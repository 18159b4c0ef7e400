import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderErrorReference } from '../../scripts/error-reference.ts';
import { errorTable } from '../../src/errors.ts';

test('close codes and other errors have a table each', () => {
  const page = renderErrorReference({
    ERR_ONE: { errCode: 1002, meaning: 'A wrong frame: a|b.' },
    ERR_TWO: { errCode: -20001, meaning: 'Not started.' },
  });
  const [, connection = '', other = ''] = page.split('\n## ');
  expect(connection).toContain('| `ERR_ONE` | 1002 | A wrong frame: a\\|b. |');
  expect(other).toContain('| `ERR_TWO` | -20001 | Not started. |');
  expect(other).not.toContain('ERR_ONE');
});

test('docs/reference/errors.md is up to date (npm run errors:docs writes it)', () => {
  const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
  expect(page).toBe(renderErrorReference(errorTable));
});
