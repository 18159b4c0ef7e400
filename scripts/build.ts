/**
 * Builds the package: `npm run build`.
 *
 * The implementation is built once, as CommonJS, so that every way to load it gives the same classes: `instanceof` and
 * private fields do not work between two copies. Each door has a face for `import`, which names what the door exports.
 *
 * The library is three files, `index.js`, `engine.js` and `topics.js` (see `parts.ts`). The other doors hold what only
 * they need, and take the rest from `index.js`. `require` of the door `ws` gives a class, as that of the package `ws`.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { rolldown } from 'rolldown';
import { PARTS, partOf, stampOf, toClassDoor, toFront, toOtherDoor, toPart } from './parts.ts';

const OUTPUT_FOLDER = 'dist';

/** The files that users load, by the name of the door. */
const doors = {
  index: 'src/index.ts',
  core: 'src/core.ts',
  redis: 'src/redis.ts',
  testing: 'src/testing.ts',
  ws: 'src/ws.ts',
};

/** The files that bundlers for browsers load. The last one imports the first; one with topics takes the place of that. */
const browserDoors = ['browser', 'browser-topics', 'index-in-browser'];

/** The pages of the chat and of E6 load the client for browsers from here. */
const CHAT_CLIENT = 'examples/public/4d-websocket.js';

function write(file: string, text: string): void {
  writeFileSync(join(OUTPUT_FOLDER, file), text);
}

/** Escapes all other characters, which stand in texts only. */
function toAscii(code: string): string {
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Makes code that the bundlers of applications can put into their files. */
function toBundleable(code: string): string {
  const bundleable = code
    // The ES modules that esbuild makes for Node.js have no `require`.
    .replaceAll(/\brequire\((?="node:)/g, 'process.getBuiltinModule(')
    // A package may only be missing when the `try` is around its `require` itself, and not around a function with it.
    .replaceAll(/Promise\.resolve\(\)\.then\(\(\) => \w+\.__toESM\((require\("[^"]+"\)), 1\)\)/g, '({ default: $1 })')
    // What rolldown adds is needed for nothing else.
    .replaceAll(/^(?:const|let) (\w+) = require\("\.\/rolldown-runtime\.js"\);\n/gm, '');
  if (/\.then\(\(\) => .*\brequire\(|_runtime/.test(bundleable))
    throw new Error('rolldown writes import() in another way now');
  return bundleable;
}

/** Writes a file of the library. */
function writeCode(file: string, code: string): void {
  // V8 holds a text with a single wider character in twice the memory, and reads it slower.
  write(file, toAscii(toBundleable(code)));
}

/**
 * Writes the declarations of a door whose `require` gives a class, with all that the door exports as its properties: in
 * CommonJS by `export =`, which no module can have beside names.
 */
function writeClassDeclarations(door: string): void {
  const names = `${door}-names`;
  renameSync(join(OUTPUT_FOLDER, `${door}.d.ts`), join(OUTPUT_FOLDER, `${names}.d.ts`));
  const text = readFileSync(join(OUTPUT_FOLDER, `${names}.d.ts`), 'utf8');
  const types = Array.from(text.matchAll(/\btype (\w+)(?=[,\s}])/g), ([, type = '']) => type);
  const classes = Array.from(text.matchAll(/\b(WebSocket|WebSocketServer|Server)(?=[,\s}])/g), ([, name = '']) => name);
  const aliases = [...new Set([...types, ...classes])].map((name) => `  export type ${name} = names.${name};\n`);
  write(
    `${door}.d.ts`,
    `import type * as names from './${names}.js';\n` +
      'declare const door: typeof names.WebSocket & Omit<typeof names, "prototype">;\n' +
      'interface door extends names.WebSocket {}\n' +
      `declare namespace door {\n${aliases.join('')}}\nexport = door;\n`,
  );
  write(`${door}.d.mts`, `export * from './${names}.js';\nexport { WebSocket as default } from './${names}.js';\n`);
}

rmSync(OUTPUT_FOLDER, { recursive: true, force: true });

const isWindows = process.platform === 'win32';
const { status } = spawnSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit', shell: isWindows });
if (status !== 0) process.exit(1);

const bundle = await rolldown({
  input: doors,
  platform: 'node',
  external: ['send', '@redis/client'],
  preserveEntrySignatures: 'allow-extension',
});
const { output } = await bundle.generate({
  format: 'cjs',
  exports: 'named',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  // Jest gives no `import()` to the CommonJS modules that it runs.
  dynamicImportInCjs: false,
  comments: false,
  banner: `'use strict';`,
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [...PARTS, 'link'].map((name) => ({ name, test: (file) => partOf(file) === name })),
  },
});
await bundle.close();

const chunks = output.filter((file) => file.type === 'chunk');
const publicNames = chunks.find(({ name }) => name === 'index')?.exports ?? [];
const stamp = stampOf(chunks.map(({ code }) => code).join(''));
for (const { name, code, moduleIds } of chunks) {
  if (name === 'front') writeCode('index.js', toFront(code, moduleIds, publicNames, stamp));
  else if (name === 'wire' || name === 'engine' || name === 'topics')
    writeCode(`${name}.js`, toPart(code, name, stamp));
  else if (name === 'link' || (name in doors && name !== 'index')) {
    writeCode(`${name}.js`, name === 'ws' ? toClassDoor(toOtherDoor(code)) : toOtherDoor(code));
  }
}

write('package.json', '{ "type": "commonjs" }\n');
for (const chunk of chunks) {
  if (!chunk.isEntry) continue;
  const { name, fileName } = chunk;
  // Node looks through the whole text of the CommonJS file that a module imports, for what it exports: 20 ms on Node 20.
  write(`${name}-for-import.js`, `exports.door = require('./${fileName}');\n`);
  const names = chunk.exports.filter((exported) => exported !== 'default').toSorted();
  const hasDefault = names.length < chunk.exports.length;
  const byDefault = hasDefault ? 'export default door;\n' : '';
  write(
    `${name}.mjs`,
    `import { door } from './${name}-for-import.js';\nexport const { ${names.join(', ')} } = door;\n${byDefault}`,
  );
  if (hasDefault) writeClassDeclarations(name);
  else write(`${name}.d.mts`, `export * from './${fileName}';\n`);
}

// Browsers and their tools get modules as they are: a page can load them without a bundler. Bundlers take the modules for
// `require` as well (condition "module"), so that there is one copy; the CommonJS files are for Jest's jsdom.
for (const name of browserDoors) {
  for (const [format, extension] of [
    ['es', 'mjs'],
    ['cjs', 'js'],
  ] as const) {
    const browserBundle = await rolldown({
      input: { [name]: `src/${name}.ts` },
      platform: 'browser',
      plugins: [
        {
          name: 'one copy of the client',
          resolveId(id) {
            const isOfClient = name === 'index-in-browser' && id.startsWith('./') && basename(id) !== 'absent.ts';
            return isOfClient ? { id: `./browser.${extension}`, external: true } : null;
          },
        },
      ],
    });
    await browserBundle.write({
      dir: OUTPUT_FOLDER,
      format,
      entryFileNames: `[name].${extension}`,
      comments: { annotation: true, jsdoc: false, legal: false },
    });
    await browserBundle.close();
  }
  write(`${name}.d.mts`, `export * from './${name}.js';\n`);
}
copyFileSync(join(OUTPUT_FOLDER, 'browser-topics.mjs'), CHAT_CLIENT);
