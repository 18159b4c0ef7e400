/** The packed library in the tools that applications are built, tested and run with. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { makeFolder } from '../helpers/folder.ts';
import { run } from '../helpers/packed-library.ts';
import { describePublicApi } from './public-api.ts';

interface Loaded {
  readonly files: readonly string[];
  readonly bytes: number;
  readonly modules: readonly string[];
}

const app = inject('appFolder');
const tools = join(app, '../node_modules');

function node(...args: readonly string[]): string {
  return run(process.execPath, args, app);
}

function writeConfig(name: string, config: object): string {
  writeFileSync(join(app, name), JSON.stringify(config));
  return name;
}

test('import and require give the same classes', () => {
  expect(node('both-ways.mjs')).toBe('');
});

test('the doors are these, and export this', async () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: object };
  await expect(`${JSON.stringify(exports, undefined, 2)}\n`).toMatchFileSnapshot('doors.json');
  await expect(describePublicApi('dist/index.d.ts')).toMatchFileSnapshot('index-declarations.txt');
  await expect(describePublicApi('dist/browser.d.ts')).toMatchFileSnapshot('browser-declarations.txt');
  await expect(describePublicApi('dist/browser-topics.d.ts')).toMatchFileSnapshot('browser-topics-declarations.txt');
  await expect(describePublicApi('dist/redis.d.ts')).toMatchFileSnapshot('redis-declarations.txt');
  await expect(describePublicApi('dist/testing.d.ts')).toMatchFileSnapshot('testing-declarations.txt');
  await expect(describePublicApi('dist/core.d.ts')).toMatchFileSnapshot('core-declarations.txt');
  await expect(describePublicApi('dist/ws-names.d.ts')).toMatchFileSnapshot('ws-declarations.txt');
});

test.each([
  ['core', 'core.js,index.js,link.js,wire.js'],
  ['ws', 'index.js,link.js,wire.js,ws.js'],
])('the door %s loads no clients, servers and topics', (door, files) => {
  const program = `
    require('4d-websocket/${door}');
    Object.keys(require.cache).filter((file) => file.includes('dist')).map((file) => path.basename(file)).sort().join()`;
  expect(node('--print', program)).toBe(`${files}\n`);
});

test('the door ws is the class, with the others as its properties, however it is loaded', () => {
  const program = `
    const WebSocket = require('4d-websocket/ws');
    import('4d-websocket/ws').then((door) => {
      const { Server, WebSocketServer, Sender, createWebSocketStream } = WebSocket;
      console.log(door.default === WebSocket, door.WebSocket === WebSocket, door.WebSocketServer === Server);
      console.log(Server === WebSocketServer, typeof Sender.frame, typeof createWebSocketStream, WebSocket.OPEN);
    });`;
  expect(node('--eval', program)).toBe('true true true\ntrue function function 1\n');
});

/** What loading the library may load: what Node itself has loaded in most programs, and nothing for connections. */
const LIGHT_MODULES: ReadonlySet<string> = new Set(['async_hooks', 'perf_hooks', 'timers', 'util', 'util/types']);

test('loading the package loads one small file, the first call the engine, and the first topics all the rest', () => {
  const { withLibrary, withFirstCall, later, withTopics } = JSON.parse(node('loaded.cjs')) as Record<string, Loaded>;
  expect(withLibrary?.files).toEqual(['dist/index.js']);
  expect(withLibrary?.bytes).toBeLessThan(64_000);
  expect(withLibrary?.modules.filter((name) => !LIGHT_MODULES.has(name))).toEqual([]);
  expect(withFirstCall?.files.toSorted()).toEqual(['dist/engine.js', 'dist/wire.js']);
  expect(withFirstCall?.modules).toEqual(expect.arrayContaining(['http', 'net', 'tls', 'zlib']));
  expect(later).toEqual({ files: [], bytes: 0, modules: [] });
  expect(withTopics?.files).toEqual(['dist/topics.js']);
});

function copyApp(): { folder: string; engine: string } {
  const folder = makeFolder({});
  cpSync(app, folder, { recursive: true });
  return { folder, engine: join(folder, 'node_modules/4d-websocket/dist/engine.js') };
}

describe('the first call', () => {
  test('fails when the engine is missing, works when it is back, and binds no fake timers and no context', () => {
    const { folder } = copyApp();
    expect(run(process.execPath, ['first-call.cjs'], folder)).toBe('MODULE_NOT_FOUND\nhello\nundefined\n');
  });

  test('refuses the engine of another version', () => {
    const { folder, engine } = copyApp();
    const code = readFileSync(engine, 'utf8');
    writeFileSync(engine, code.replace(/(stamp !== ")\w/, '$1-'));
    const program = `try { require('4d-websocket').currentProcessName() } catch (error) { error.message }`;
    expect(run(process.execPath, ['--print', program], folder)).toBe(
      '4d-websocket was installed again while this program ran: restart the program\n',
    );
  });
});

test('the code is strict, as the modules are that it is built from', () => {
  const hasCaller = `Object.hasOwn(require('4d-websocket').accept, 'caller')`;
  expect(node('--print', hasCaller)).toBe('false\n');
});

describe('bundled for Node.js, where the package "send" is not installed', () => {
  const esbuild = [join(tools, 'esbuild/bin/esbuild'), 'bundle.mjs', '--bundle', '--platform=node'];

  test.each([
    ['esbuild', 'esm', 'bundled.mjs', [...esbuild, '--format=esm', '--outfile=bundled.mjs']],
    ['esbuild', 'cjs', 'bundled.cjs', [...esbuild, '--format=cjs', '--outfile=bundled.cjs']],
    ['webpack', 'cjs', 'bundled.cjs', ['webpack.cjs', join(tools, 'webpack'), 'bundle.mjs', 'bundled.cjs']],
  ])('%s, format %s: it runs, with one copy of the code', (_bundler, _format, bundled, bundling) => {
    const folder = makeFolder({});
    cpSync(app, folder, { recursive: true });
    run(process.execPath, bundling, folder);
    expect(run(process.execPath, [bundled], folder)).toBe('hello true -20018 true\n');
  });
});

describe('bundled for browsers', () => {
  test.each([
    ['esbuild', [join(tools, 'esbuild/bin/esbuild'), 'page-bundle.mjs', '--bundle', '--outfile=page.cjs']],
    ['webpack', ['webpack.cjs', join(tools, 'webpack'), 'page-bundle.mjs', 'page.cjs', 'web']],
  ])('%s: there is one copy of the client, and a server says why there is none', (_bundler, bundling) => {
    const folder = makeFolder({});
    cpSync(app, folder, { recursive: true });
    run(process.execPath, bundling, folder);
    expect(run(process.execPath, ['page.cjs'], folder)).toBe('true true ERR_NOT_IN_BROWSER\n');
  });
});

test.each([
  ['node', '**/*.jest.js', {}],
  // The names that need Node, in an environment that looks like a browser.
  ['jsdom', '**/*.jest.js', { testEnvironmentOptions: { customExportConditions: ['node'] } }],
  ['jsdom', '**/*.jsdom.js', {}],
])('Jest runs it in its environment %s: %s', (testEnvironment, pattern, options) => {
  const name = `jest-${testEnvironment}-${'testEnvironmentOptions' in options ? 'node' : 'plain'}.json`;
  const config = writeConfig(name, { testEnvironment, testMatch: [pattern], ...options });
  expect(() => node(join(tools, 'jest/bin/jest.js'), '--config', config)).not.toThrow();
});

test('ts-jest runs it', () => {
  const config = writeConfig('ts-jest.json', {
    testEnvironment: 'node',
    testMatch: ['**/*.ts-jest.ts'],
    transform: { '\\.ts$': ['ts-jest', { tsconfig: { module: 'commonjs', esModuleInterop: true, strict: true } }] },
  });
  expect(() => node(join(tools, 'jest/bin/jest.js'), '--config', config)).not.toThrow();
});

describe.each(['typescript', 'typescript-6', 'typescript-7'])('%s', (typescript) => {
  const compilerOptions = {
    target: 'es2022',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ['node'],
  };
  const node10 = typescript === 'typescript-7' ? 'bundler' : 'node10';
  const silenced = typescript === 'typescript-6' ? { ignoreDeprecations: '6.0' } : {};

  test.each([
    { module: 'commonjs', moduleResolution: node10, ...silenced },
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'esnext', moduleResolution: 'bundler' },
  ])('compiles it with module $module, and what comes out runs', (options) => {
    const outDir = `${typescript}-${options.module}`;
    const config = writeConfig(`${outDir}.json`, {
      compilerOptions: { ...compilerOptions, ...options, outDir, rootDir: '.' },
      files: ['types.ts'],
    });
    node(join(tools, typescript, 'bin/tsc'), '-p', config);
    // Without a package.json the modules in it are read by their syntax, as bundlers do.
    writeConfig(`${outDir}/package.json`, { type: options.module === 'esnext' ? 'module' : 'commonjs' });
    expect(node(join(outDir, 'types.js'))).toBe('WELCOME\n');
  });

  test.each([
    { module: 'commonjs', moduleResolution: node10, ...silenced },
    { module: 'esnext', moduleResolution: 'bundler' },
  ])('compiles a page without the types of Node, with module $module', (options) => {
    const browserOptions = { ...compilerOptions, ...options, types: [], lib: ['es2022', 'dom'], noEmit: true };
    const config = writeConfig(`${typescript}-${options.module}-page.json`, {
      compilerOptions: browserOptions,
      files: ['browser-types.ts'],
    });
    expect(node(join(tools, typescript, 'bin/tsc'), '-p', config)).toBe('');
  });
});

test('a NestJS application compiled to CommonJS runs with it', () => {
  const config = writeConfig('nest.json', {
    compilerOptions: {
      target: 'es2022',
      module: 'commonjs',
      moduleResolution: 'node10',
      strict: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      esModuleInterop: true,
      // The declarations of NestJS are not checked.
      skipLibCheck: true,
      outDir: 'nest-built',
      rootDir: '.',
    },
    files: ['nest/main.ts'],
  });
  node(join(tools, 'typescript/bin/tsc'), '-p', config);
  expect(node('nest-built/nest/main.js')).toBe('hello page\nhello client\n');
});
