/**
 * The parts of the library as it is published.
 *
 * `index.js` is the front: the public classes and functions, and what must see Node as it is when the library is loaded.
 * `wire.js` is a connection without anybody who opens it, for the doors `core` and `ws` too; `engine.js` is what opens
 * connections, `topics.js` what serves topics. Each is loaded, with the modules of Node that it
 * needs, in the first call that needs it: a program that imports the library has not opened a connection yet, and most
 * programs have no topics.
 */
import { createHash } from 'node:crypto';
import { relative, sep } from 'node:path';

/** The parts, in the order in which a part may need others when it is loaded. */
export const PARTS = ['front', 'wire', 'engine', 'topics'] as const;

export type Part = (typeof PARTS)[number];

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
  'server/topic-grant.ts',
  'session/global-limits.ts',
  'topics/memory-broker.ts',
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

/** The files of the wire: the rooms below, and what the doors `core` and `ws` use of others. */
const WIRE =
  /^(?:base|protocol|handshake|transport|connection)\/(?!frame-log)|^session\/(?:option-checks|handler-check|nearest-name)\.ts$|^server\/(?:origins|loopback|direct-client)\.ts$/;

/** The files of topics: of the room, but for what all clients and servers look at, and those that only topics use. */
const TOPICS =
  /^topics\/(?!frames\.ts|memory-broker\.ts)|^server\/(?:topic-(?!grant)|client-(?:frame|questions)|(?:connection|program)-subscription|user-gate|members-feed)|^client\/topic-/;

/** Returns the part that a file is in: `'door'` for what only re-exports, or belongs to another door, `'link'` for two. */
export function partOf(file: string): Part | 'door' | 'link' {
  const path = pathOf(file);
  if (/^(?:index|redis|testing|core|ws)\.ts$|^(?:redis|testing|ws)\//.test(path)) return 'door';
  if (path.startsWith('core/')) return 'link';
  if (FRONT.has(path)) return 'front';
  if (WIRE.test(path)) return 'wire';
  return TOPICS.test(path) ? 'topics' : 'engine';
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

/** Has code require what it needs when it uses it, which for some modules of Node is at once. */
function requireLater(code: string, isLater: (id: string) => boolean): string {
  const required = Array.from(code.matchAll(REQUIRE)).flatMap(([, name = '', id = '']) => (isLater(id) ? [name] : []));
  if (required.length === 0) return code;
  const anyRequired = `(?:${required.join('|')})`;
  return code
    .replaceAll(new RegExp(String.raw`\bnew (${anyRequired}\.[\w$.]+)`, 'g'), 'new ($1)')
    .replaceAll(new RegExp(String.raw`\b(${anyRequired})\.`, 'g'), '$1().')
    .replaceAll(REQUIRE, (text, name: string, id: string) => {
      if (!isLater(id)) return text;
      const part = partNamed(id);
      if (part !== undefined) return `function ${name}() {\n\treturn parts.${part};\n}\n`;
      return `let loaded_${name};\nfunction ${name}() {\n\treturn loaded_${name} ??= require("${id}");\n}\n`;
    });
}

function partNamed(id: string): Part | undefined {
  return PARTS.find((part) => id === `./${part}.js`);
}

/**
 * Makes `index.js`.
 *
 * @param files - the files that the code is made of
 * @param publicNames - what users get. The rest is for the other parts, and for other doors.
 * @param stamp - that of the other parts
 */
export function toFront(code: string, files: readonly string[], publicNames: readonly string[], stamp: string): string {
  const found = new Set(files.map(pathOf));
  const absent = Array.from(FRONT).filter((file) => !found.has(file));
  if (absent.length > 0) throw new Error(`there is no such file: ${absent.join(', ')}`);
  const exported = new Set(Array.from(code.matchAll(EXPORT), ([, name = '']) => name));
  expectForm(exported.size === code.split('(exports, ').length - 1, 'exports');
  const elsewhere = publicNames.filter((name) => !exported.has(name));
  if (elsewhere.length > 0) throw new Error(`public, so their files belong to the front: ${elsewhere.join(', ')}`);
  const load = (part: Part): string =>
    `\tget ${part}() {\n\t\treturn loaded.${part} ??= require("./${part}.js")(parts, {}, "${stamp}");\n\t}`;
  const loadedLater = PARTS.filter((part) => part !== 'front').map(load);
  const parts = `const loaded = {};\nconst parts = {\n\tfront: {},\n${loadedLater.join(',\n')}\n};\n`;
  return requireLater(code, () => true)
    .replace(STRICT, `${STRICT}${parts}`)
    .replaceAll(EXPORT, (text) => text.replace('exports', 'parts.front'))
    .concat(
      publicNames.map((name) => `exports.${name} = parts.front.${name};\n`).join(''),
      // Only other doors of the library look at this.
      'Object.defineProperty(exports, "parts", { value: parts });\n',
    );
}

/**
 * Makes the file of another part: a function of all parts, so that they are one library however they are loaded. Test
 * frameworks load a file again that has been loaded before.
 */
export function toPart(code: string, part: Part, stamp: string): string {
  const isLater = (id: string): boolean => PARTS.indexOf(partNamed(id) ?? 'front') > PARTS.indexOf(part);
  const message = '4d-websocket was installed again while this program ran: restart the program';
  // Node compiles a function in parentheses at once, and others twice.
  return [
    `${STRICT}module.exports = (function (parts, exports, stamp) {\n`,
    `if (stamp !== "${stamp}") throw new Error("${message}");\n`,
    requireLater(code.replace(STRICT, ''), isLater).replaceAll(/require\("\.\/(\w+)\.js"\)/g, 'parts.$1'),
    'return exports;\n});\n',
  ].join('');
}

/** Makes the code of another door, which takes all parts from `index.js`. */
export function toOtherDoor(code: string): string {
  return code.replaceAll(/require\("\.\/(front|wire|engine|topics)\.js"\)/g, 'require("./index.js").parts.$1');
}

/** Makes the code of a door whose `require` gives its class `WebSocket`, which has all that the door exports. */
export function toClassDoor(code: string): string {
  expectForm(code.includes('exports.WebSocket = WebSocket;'), 'exports of doors');
  return `${code}module.exports = Object.assign(exports.WebSocket, exports);\n`;
}

/** A text that stands for the code, so that parts of different versions are not used together. */
export function stampOf(code: string): string {
  return createHash('sha256').update(code).digest('hex').slice(0, 16);
}
