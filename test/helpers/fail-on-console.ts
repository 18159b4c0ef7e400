/**
 * Runs before every test file: a test that prints to the console fails. A test that expects output replaces the method
 * itself, with `vi.spyOn(console, 'error').mockImplementation(() => {})`, and asserts on the caught output.
 */
import { format } from 'node:util';
import { afterAll, afterEach } from 'vitest';

const printed: string[] = [];

for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'table', 'dir'] as const) {
  console[method] = (...args: unknown[]): void => {
    printed.push(`console.${method}: ${format(...args)}`);
  };
}

function failIfPrinted(): void {
  const lines = printed.splice(0);
  if (lines.length > 0) {
    throw new Error(`a test must not print to the console:\n${lines.join('\n')}`);
  }
}

afterEach(failIfPrinted);
// Output while a file loads, or after its last test, belongs to no single test.
afterAll(failIfPrinted);
