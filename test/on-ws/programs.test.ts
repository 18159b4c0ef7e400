/** Programs that were written for the package `ws`, each at its newest version, on the built door `4d-websocket/ws`. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';

const folder = join(import.meta.dirname, 'programs');

test.skipIf(inject('missingPrograms') !== '').each(readdirSync(folder))('%s', async (program) => {
  const ended = await promisify(execFile)(process.execPath, [join(folder, program)], { timeout: 20_000 });
  // A program that ends before its last line exits with 13.
  expect(ended).toEqual({ stdout: '', stderr: '' });
});
