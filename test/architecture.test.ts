import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  findBarrels,
  findImportCycles,
  findImpureProtocol,
  findOutsideImports,
  findStrayFiles,
  findStrayTimers,
  findTypeHoles,
  findUntestedRooms,
  findUpwardImports,
  parseModules,
} from './helpers/architecture.ts';
import type { Module } from './helpers/architecture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function listTypeScript(folder: string): string[] {
  return readdirSync(posix.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .toSorted();
}

function parseSamples(samples: Record<string, string>): Module[] {
  return parseModules(new Map(Object.entries(samples)));
}

describe('the sources keep to the house', () => {
  const modules = parseModules(
    new Map(listTypeScript('src').map((path) => [path, readFileSync(posix.join(root, path), 'utf8')])),
  );
  const testPaths = new Set(listTypeScript('test'));

  test('every file lies in a known room', () => {
    expect(modules.length).toBeGreaterThan(0);
    expect(findStrayFiles(modules)).toEqual([]);
  });
  test('imports go down', () => expect(findUpwardImports(modules)).toEqual([]));
  test('no import cycle', () => expect(findImportCycles(modules)).toEqual([]));
  test('no stray node: module or package', () => expect(findOutsideImports(modules)).toEqual([]));
  test('no barrel but the doors', () => expect(findBarrels(modules)).toEqual([]));
  test('every room has its tests', () => expect(findUntestedRooms(modules, testPaths)).toEqual([]));
  test('timers in one file', () => expect(findStrayTimers(modules)).toEqual([]));
  test('protocol and handshake have no clock and no promises', () => expect(findImpureProtocol(modules)).toEqual([]));
  test('no any, no silenced compiler', () => expect(findTypeHoles(modules)).toEqual([]));
});

describe('each check finds what it forbids', () => {
  test('a file in an unknown room, or with a name that is not kebab-case', () => {
    const modules = parseSamples({
      'src/utils/misc.ts': '',
      'src/helpers.ts': '',
      'src/protocol/FrameParser.ts': '',
      'src/protocol/frame-parser.ts': '',
      'src/index.ts': '',
    });
    expect(findStrayFiles(modules)).toEqual([
      'src/utils/misc.ts: no such room in the floor table',
      'src/helpers.ts: no such room in the floor table',
      'src/protocol/FrameParser.ts: not named in kebab-case',
    ]);
  });

  test.each([
    ['upward', 'src/protocol/a.ts', `import { x } from '../session/x.ts';`],
    ['sideways', 'src/connection/a.ts', `import { x } from '../workers/x.ts';`],
    ['of a type', 'src/errors.ts', `import type { X } from './protocol/x.ts';`],
    ['of an inline type', 'src/protocol/a.ts', `import { type X } from '../transport/x.ts';`],
    ['of a type expression', 'src/protocol/a.ts', `export type X = import('../transport/x.ts').X;`],
    ['at run time', 'src/protocol/a.ts', `export const x = () => import('../transport/x.ts');`],
    ['by a re-export', 'src/protocol/a.ts', `export { x } from '../transport/x.ts';`],
    ['of a door', 'src/session/a.ts', `import { x } from '../index.ts';`],
    ['behind a door', 'src/cli/a.ts', `import { x } from '../session/x.ts';`],
    ['out of the house', 'src/session/a.ts', `import { x } from '../../test/x.ts';`],
  ])('an import %s', (_, path, text) => {
    expect(findUpwardImports(parseSamples({ [path]: text }))).toHaveLength(1);
  });

  test('downward imports, imports within a room and imports through a door pass', () => {
    const modules = parseSamples({
      'src/protocol/a.ts': `import { x } from './x.ts'; import type { E } from '../errors.ts'; import 'node:buffer';`,
      'src/session/a.ts': `import { x } from '../protocol/x.ts'; import { y } from '../workers/y.ts';`,
      'src/index.ts': `export { x } from './session/x.ts';`,
      'src/cli/a.ts': `import { x } from '../index.ts'; import { y } from './y.ts';`,
    });
    expect(findUpwardImports(modules)).toEqual([]);
  });

  test('a circle of files, types included, but for the one that 4D demands', () => {
    const modules = parseSamples({
      'src/session/a.ts': `import { b } from './b.ts';`,
      'src/session/b.ts': `import { c } from './c.ts';`,
      'src/session/c.ts': `import { type X, a } from './a.ts';`,
      'src/session/d.ts': `import { e } from './e.ts';`,
      'src/session/e.ts': `import type { D } from './d.ts';`,
      'src/server/web-socket-connection.ts': `import type { WebSocketServer } from './web-socket-server.ts';`,
      'src/server/web-socket-server.ts': `import { WebSocketConnection } from './web-socket-connection.ts';`,
    });
    expect(findImportCycles(modules)).toEqual([
      'src/session/a.ts -> src/session/b.ts -> src/session/c.ts -> src/session/a.ts',
      'src/session/d.ts -> src/session/e.ts -> src/session/d.ts',
    ]);
  });

  test('the circle that 4D demands, when it is more than types', () => {
    const modules = parseSamples({
      'src/server/web-socket-connection.ts': `import { WebSocketServer } from './web-socket-server.ts';`,
      'src/server/web-socket-server.ts': `import { WebSocketConnection } from './web-socket-connection.ts';`,
    });
    expect(findImportCycles(modules)).toHaveLength(1);
  });

  test('a module from outside where none belongs', () => {
    const modules = parseSamples({
      'src/errors.ts': `import { inspect } from 'node:util';`,
      'src/protocol/a.ts': `import 'node:net'; import 'node:buffer'; import 'node:crypto';`,
      'src/transport/a.ts': `import 'node:net'; import 'send';`,
      'src/web-server/a.ts': `import 'express'; const send = await import('send'); const other = await import(name);`,
    });
    expect(findOutsideImports(modules)).toEqual([
      'src/errors.ts: must not import node:util',
      'src/protocol/a.ts: must not import node:net',
      'src/transport/a.ts: must not import send',
      'src/web-server/a.ts: must not import express',
      'src/web-server/a.ts: must not import (computed)',
    ]);
  });

  test('a barrel, export * and a door with code of its own', () => {
    const modules = parseSamples({
      'src/session/a.ts': `export { x } from './x.ts';`,
      'src/session/b.ts': `export * from './x.ts';`,
      'src/session/c.ts': `import { x } from './x.ts'; export const y = x;`,
      'src/index.ts': `export { x, type Y } from './session/x.ts'; export type * from './session/z.ts'; export const y = 1;`,
    });
    expect(findBarrels(modules)).toEqual([
      'src/session/a.ts: only a door re-exports',
      'src/session/b.ts: export *',
      'src/index.ts: export *',
      'src/index.ts: a door only re-exports names',
    ]);
  });

  test('a room without tests, unless it has only types and constants', () => {
    const modules = parseSamples({
      'src/errors.ts': 'export class FourDError extends Error {}',
      'src/protocol/frame.ts': 'export function readFrame(): void {}',
      'src/protocol/mask.ts': 'export const mask = (key: number) => key;',
      'src/transport/pool.ts': 'export const pool = createPool();',
      'src/base/sink.ts': 'export interface Sink { write(): void } export const FIN_BIT = 0x80;',
      'src/index.ts': `export { readFrame } from './protocol/frame.ts';`,
    });
    expect(findUntestedRooms(modules, new Set(['test/protocol/mask.test.ts']))).toEqual([
      'errors: no test in test/errors',
      'transport: no test in test/transport',
    ]);
    expect(findUntestedRooms(modules, new Set(['test/errors.test.ts', 'test/transport/pool.test.ts']))).toEqual([
      'protocol: no test in test/protocol',
    ]);
  });

  test('a clock or timer outside of its file, but not a method of that name', () => {
    const modules = parseSamples({
      'src/base/clock.ts': `import { setTimeout } from 'node:timers'; export const start = setTimeout;`,
      'src/transport/a.ts': 'setTimeout(() => {}, 1);',
      'src/transport/b.ts': 'const timer = { setInterval };',
      'src/transport/c.ts': 'globalThis.setTimeout(() => {}, 1);',
      'src/transport/d.ts': `import { setTimeout as sleep } from 'node:timers/promises';`,
      'src/transport/e.ts': 'socket.setTimeout(0); const options = { setInterval: 1 };',
      'src/transport/f.ts': 'setImmediate(() => {}); performance.now();',
      'src/transport/g.ts': `import { setImmediate } from '../base/clock.ts'; setImmediate(() => {});`,
    });
    expect(findStrayTimers(modules)).toEqual([
      'src/transport/a.ts: setTimeout belongs in src/base/clock.ts',
      'src/transport/b.ts: setInterval belongs in src/base/clock.ts',
      'src/transport/c.ts: setTimeout belongs in src/base/clock.ts',
      'src/transport/d.ts: setTimeout belongs in src/base/clock.ts',
      'src/transport/d.ts: node:timers/promises belongs in src/base/clock.ts',
      'src/transport/f.ts: performance belongs in src/base/clock.ts',
      'src/transport/f.ts: setImmediate belongs in src/base/clock.ts',
    ]);
  });

  test('a clock, a promise or the process in protocol/', () => {
    const modules = parseSamples({
      'src/protocol/a.ts': 'export const now = Date.now();',
      'src/protocol/b.ts': 'export async function f(x: Promise<void>) { await x; }',
      'src/protocol/c.ts': 'process.nextTick(() => {});',
      'src/transport/d.ts': 'export const now = Date.now();',
    });
    expect(findImpureProtocol(modules)).toEqual([
      'src/protocol/a.ts: Date in protocol/',
      'src/protocol/b.ts: Promise in protocol/',
      'src/protocol/b.ts: await in protocol/',
      'src/protocol/c.ts: process in protocol/',
    ]);
  });

  test('any and comments that silence the compiler, but not the word in a text', () => {
    const modules = parseSamples({
      'src/session/a.ts': 'export function f(x: any) {}',
      'src/session/b.ts': 'export const list: Array<any> = [];',
      'src/session/c.ts': '// @ts-ignore\nexport const x = 1;',
      'src/session/d.ts': '/* @ts-expect-error */ export const x = 1;',
      'src/session/e.ts': `// takes any value\nexport const text = ': any @ts-ignore';`,
    });
    expect(findTypeHoles(modules)).toEqual([
      'src/session/a.ts: any',
      'src/session/b.ts: any',
      'src/session/c.ts: @ts-ignore',
      'src/session/d.ts: @ts-expect-error',
    ]);
  });

  test('a file that does not parse', () => {
    expect(() => parseSamples({ 'src/session/a.ts': 'const = ;' })).toThrow('src/session/a.ts');
  });
});
