import { expect, test } from 'vitest';
import { checkOpenFiles, openFileLimit } from '../../bench/open-files.ts';

test('too few open files are an error that names the needed number', () => {
  expect(() => checkOpenFiles(10_000, 10_100)).not.toThrow();
  expect(() => checkOpenFiles(10_000, 10_099)).toThrow(
    '10000 connections take 10100 open files, the limit is 10099: raise it with ulimit -n',
  );
  expect(() => checkOpenFiles(10_000, Infinity)).not.toThrow();
});

test('the limit of this process is a number, or Infinity', () => {
  expect(openFileLimit()).toBeGreaterThan(100);
});
