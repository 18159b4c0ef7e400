import { expect, test } from 'vitest';
import { formatTable, idsInTitle, tabulate } from '../../scripts/rule-outcomes.ts';
import { rules } from '../spec/rules.ts';

const samples = ['001', '002', '003', '004'].map((id) => ({ id, area: 'Area', statement: `Statement ${id}.` }));

test.each([
  ['4D-082 a message', ['082']],
  ['4D-035 4D-036 codes', ['035', '036']],
  ['4D-035, 4D-036: codes', ['035', '036']],
  ['a message 4D-082', []],
  ['4D-0821 a message', []],
])('the numbers that %j begins with', (title, ids) => {
  expect(idsInTitle(title)).toEqual(ids);
});

test('one failed test fails its rule, and a skipped test does not prove it', () => {
  const table = tabulate(samples, [
    { title: '4D-001 one', status: 'passed' },
    { title: '4D-001 4D-002 two', status: 'passed' },
    { title: '4D-002 three', status: 'failed' },
    { title: '4D-003 four', status: 'skipped' },
    { title: '4D-169 five', status: 'passed' },
    { title: 'no rule', status: 'failed' },
  ]);
  expect(table.rows.map((row) => row.outcome)).toEqual(['passed', 'failed', 'missing', 'missing']);
  expect(table.unknown).toEqual(['169']);
});

test('the table has one line per rule and a total', () => {
  const text = formatTable(tabulate(samples, [{ title: '4D-001 4D-999 one', status: 'passed' }]));
  expect(text.split('\n')).toEqual([
    '4D-001  passed   Area  Statement 001.',
    '4D-002  missing  Area  Statement 002.',
    '4D-003  missing  Area  Statement 003.',
    '4D-004  missing  Area  Statement 004.',
    '4D-999  unknown  a test title has this number, but there is no such rule',
    '4 rules: 1 passed, 0 failed, 3 missing',
  ]);
});

test('the rules have numbers of three digits, in order, each once', () => {
  const ids = rules.map((rule) => rule.id);
  expect(ids.filter((id) => !/^[0-9]{3}$/.test(id))).toEqual([]);
  expect(ids).toEqual(Array.from(new Set(ids)).toSorted());
  // The first edition has 001 to 177 without 169.
  expect(ids.slice(0, 176)).toEqual(
    Array.from({ length: 177 }, (_, index) => String(index + 1).padStart(3, '0')).filter((id) => id !== '169'),
  );
});
