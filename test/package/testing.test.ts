/** The testing kit of the packed library, in the test frameworks that its guide shows. */
import { cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { run } from '../helpers/packed-library.ts';

const app = inject('appFolder');
const tools = join(app, '../node_modules');

function node(...args: readonly string[]): string {
  return run(process.execPath, args, app);
}

function writeConfig(name: string, text: string): string {
  writeFileSync(join(app, name), text);
  return name;
}

beforeAll(() => {
  cpSync('examples/testing', join(app, 'testing'), { recursive: true });
  symlinkSync(resolve('node_modules/vitest'), join(app, 'node_modules/vitest'));
});

describe('the examples of the guide run', () => {
  test('in Jest, as CommonJS', () => {
    const config = writeConfig('jest-testing.json', '{ "testMatch": ["**/testing/*.jest.cjs"] }');
    expect(() => node(join(tools, 'jest/bin/jest.js'), '--config', config)).not.toThrow();
  });

  test('in node:test, as ES modules', () => {
    const output = node('--test', '--test-reporter=tap', 'testing/chat.node-test.mjs');
    expect(output).toContain('# pass 2');
  });

  test('in vitest', () => {
    const config = writeConfig('vitest.config.mjs', "export default { test: { include: ['testing/*.vitest.*'] } };");
    const output = node(resolve('node_modules/vitest/vitest.mjs'), 'run', '--config', config, '--reporter=json');
    expect(JSON.parse(output)).toMatchObject({ success: true, numPassedTests: 5 });
  });
});

test('both doors share one copy of the library, by import and by require, and the core loads none of the kit', () => {
  expect(node('testing-doors.mjs')).toBe('dist/index.js\ndist/index.js dist/testing.js dist/wire.js dist/engine.js\n');
});
