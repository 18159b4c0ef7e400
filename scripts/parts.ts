/**
 * The two parts of the library as it is published.
 *
 * `index.js` is the front: the public classes and functions, and what must see Node as it is when the library is loaded.
 * `engine.js` is everything else. The front loads it, with the modules of Node that it needs, in the first call that
 * needs it: a program that imports the library has not opened a connection yet.
 */
import { createHash } from 'node:crypto';
import { relative, sep } from 'node:path';

/** The files of the front, below `src/`. */
const FRONT: ReadonlySet<string> = new Set([
  // What `src/index.ts` exports.
  'client/web-socket.ts',
  'diagnostics/metrics-text.ts',
  'diagnostics/metrics.ts',
  'errors.ts',
  'server/answers.ts',
  'server/bearer-token.ts',
  'server/web-socket-connection.ts',
  'server/web-socket-server.ts',
  'session/global-limits.ts',
  'web-server/web-server.ts',
  'workers/commands.ts',
  'workers/error-handling.ts',
  // What binds functions and contexts of Node when the library is loaded.
  'base/clock.ts',
  'base/own-context.ts',
  'base/promises.ts',
  'session/call-site.ts',
  // What public classes need when they are defined.
  'session/inspection.ts',
]);

/** Returns the part that a file is in: `'door'` for what only re-exports, or belongs to another door. */
export function partOf(file: string): 'door' | 'engine' | 'front' {
  const path = pathOf(file);
  if (/^(?:index|testing)\.ts$|^testing\//.test(path)) return 'door';
  return FRONT.has(path) ? 'front' : 'engine';
}

function pathOf(file: string): string {
  return relative('src', file).split(sep).join('/');
}

const STRICT = '"use strict";\n';
const EXPORT =
  /Object\.defineProperty\(exports, "([\w$]+)", \{\n\tenumerable: true,\n\tget: function\(\) \{\n\t\treturn [\w$]+;\n\t\}\n\}\);/g;
const REQUIRE = /^(?:const|let) ([\w$]+) = require\("([^"]+)"\);\n/gm;

/** Refuses code in another form than rolldown has always written: what is replaced below would be something else. */
function expectForm(holds: boolean, what: string): void {
  if (!holds) throw new Error(`rolldown writes ${what} in another way now`);
}

/**
 * Makes `index.js`. Whatever it requires is loaded when it is used first, which for some modules of Node is at once.
 *
 * @param files - the files that the code is made of
 * @param publicNames - what users get. The rest is for the engine, and for other doors.
 * @param stamp - that of the engine
 */
export function toFront(code: string, files: readonly string[], publicNames: readonly string[], stamp: string): string {
  const found = new Set(files.map(pathOf));
  const absent = Array.from(FRONT).filter((file) => !found.has(file));
  if (absent.length > 0) throw new Error(`there is no such file: ${absent.join(', ')}`);
  const exported = new Set(Array.from(code.matchAll(EXPORT), ([, name = '']) => name));
  expectForm(exported.size === code.split('(exports, ').length - 1, 'exports');
  const inEngine = publicNames.filter((name) => !exported.has(name));
  if (inEngine.length > 0) throw new Error(`public, so their files belong to the front: ${inEngine.join(', ')}`);
  const required = Array.from(code.matchAll(REQUIRE), ([, name = '']) => name);
  expectForm(required.includes('require_engine'), 'require()');
  const anyRequired = `(?:${required.join('|')})`;
  return code
    .replace(STRICT, `${STRICT}const front = {};\n`)
    .replaceAll(EXPORT, (text) => text.replace('exports', 'front'))
    .replaceAll(new RegExp(String.raw`\bnew (${anyRequired}\.[\w$.]+)`, 'g'), 'new ($1)')
    .replaceAll(new RegExp(String.raw`\b(${anyRequired})\.`, 'g'), '$1().')
    .replaceAll(REQUIRE, (_, name: string, id: string) => {
      const loading = name === 'require_engine' ? `require("${id}")(front, {}, "${stamp}")` : `require("${id}")`;
      return `let loaded_${name};\nfunction ${name}() {\n\treturn loaded_${name} ??= ${loading};\n}\n`;
    })
    .concat(
      publicNames.map((name) => `exports.${name} = front.${name};\n`).join(''),
      // Only other doors of the library look at this.
      'Object.defineProperty(exports, "parts", { value: { front, get engine() { return require_engine(); } } });\n',
    );
}

/**
 * Makes `engine.js`: a function of the front, so that the two are a pair however they are loaded. Test frameworks load
 * a file again that has been loaded before.
 */
export function toEngine(code: string, stamp: string): string {
  const front = 'const require_front = require("./front.js");\n';
  expectForm(code.includes(front), 'require()');
  const message = '4d-websocket was installed again while this program ran: restart the program';
  // Node compiles a function in parentheses at once, and others twice.
  return [
    `${STRICT}module.exports = (function (require_front, exports, stamp) {\n`,
    `if (stamp !== "${stamp}") throw new Error("${message}");\n`,
    code.replace(STRICT, '').replace(front, ''),
    'return exports;\n});\n',
  ].join('');
}

/** Makes the code of another door, which takes both parts from `index.js`. */
export function toOtherDoor(code: string): string {
  return code.replaceAll(/require\("\.\/(front|engine)\.js"\)/g, 'require("./index.js").parts.$1');
}

/** A text that stands for the code, so that parts of different versions are not used together. */
export function stampOf(code: string): string {
  return createHash('sha256').update(code).digest('hex').slice(0, 16);
}
