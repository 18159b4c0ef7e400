/**
 * The rules of the house: which room of `src/` may lean on which, and the habits that keep it so.
 *
 * Every check is a pure function over modules, so that a test can pass samples that break the rule.
 */
import { posix } from 'node:path';
import { parseSync } from 'oxc-parser';

/**
 * A room imports only from itself and from rooms on lower floors; from a neighbour on its own floor only where
 * {@link neighbours} says so. The errors, and what every room needs, lie below the ground floor.
 */
const floors: ReadonlyMap<string, number> = new Map([
  ['errors', -1],
  ['base', -1],
  ['diagnostics', 0],
  ['protocol', 0],
  ['handshake', 0],
  ['transport', 0],
  ['connection', 1],
  ['workers', 1],
  ['http', 1],
  ['session', 2],
  ['topics', 2],
  ['client', 3],
  ['browser', 3],
  ['redis', 3],
  ['web-server', 3],
  ['server', 4],
  // The kit behind the door src/testing.ts uses the whole library.
  ['testing', 4.5],
  // What stands behind the door src/core.ts, and the one behind src/ws.ts that is made of it.
  ['core', 2.5],
  ['ws', 4.5],
  ['cli', 6],
]);

/** Rooms that a room on the same floor may use. */
const neighbours: ReadonlyMap<string, readonly string[]> = new Map([
  ['handshake', ['protocol']],
  ['errors', ['base']],
  // The policy of reconnecting is the same for both.
  ['browser', ['client']],
  ['redis', ['client']],
]);

/** The only circle that is allowed, of types only. 4D itself demands it: `connection.wss` and `wss.connections`. */
const mutual = { from: 'src/server/web-socket-connection.ts', to: 'src/server/web-socket-server.ts' } as const;

/** The doors re-export the rooms below them; rooms on the top floor use the library only through a door. */
const doors: ReadonlySet<string> = new Set([
  'src/index.ts',
  'src/index-in-browser.ts',
  'src/browser.ts',
  'src/browser-topics.ts',
  'src/redis.ts',
  'src/testing.ts',
  'src/core.ts',
  'src/ws.ts',
]);
const doorFloor = 5;

/** What a room may import from outside of `src/`. A room that is not listed may use any `node:` module. */
const outsideImports: ReadonlyMap<string, readonly string[]> = new Map([
  ['errors', []],
  ['diagnostics', ['node:diagnostics_channel', 'node:util']],
  // Of `node:worker_threads` only `markAsUntransferable`, which belongs to memory that messages share.
  ['protocol', ['node:buffer', 'node:crypto', 'node:worker_threads']],
  // Of `node:url` only `domainToASCII`, a function of texts: names of hosts are compared in their ASCII form.
  ['handshake', ['node:buffer', 'node:crypto', 'node:url']],
  ['browser', []],
  // Of `node:url` only `URL`: the global one may be another, or none, in environments for tests such as jsdom.
  ['base', ['node:async_hooks', 'node:perf_hooks', 'node:timers', 'node:url']],
]);

/** The dependencies of the package, and the one room that uses each. */
const packages: ReadonlyMap<string, string> = new Map([
  ['send', 'web-server'],
  ['@redis/client', 'redis'],
]);

const clockFile = 'src/base/clock.ts';

/** The timers of browsers are globals. */
const clockFiles: ReadonlySet<string> = new Set([clockFile, 'src/browser/clock.ts']);

const runningNodeTypes = [
  'ArrowFunctionExpression',
  'CallExpression',
  'ClassDeclaration',
  'ClassExpression',
  'FunctionDeclaration',
  'FunctionExpression',
  'NewExpression',
];

interface AstNode {
  readonly type: string;
  readonly [key: string]: unknown;
}

interface Import {
  readonly specifier: string;
  /** True when the import does not exist at run time. */
  readonly isTypeOnly: boolean;
}

/** One source file, parsed. */
export interface Module {
  readonly path: string;
  readonly imports: readonly Import[];
  readonly body: readonly AstNode[];
  /** Names that the code uses or declares, without property names. */
  readonly identifiers: ReadonlySet<string>;
  readonly nodeTypes: ReadonlySet<string>;
  readonly comments: readonly string[];
}

/** @param sources - source text by path, such as `src/protocol/frame.ts`. */
export function parseModules(sources: ReadonlyMap<string, string>): Module[] {
  return Array.from(sources, ([path, text]) => parseModule(path, text));
}

function parseModule(path: string, text: string): Module {
  const { program, comments, errors } = parseSync(path, text);
  if (errors[0]) throw new SyntaxError(`${path}: ${errors[0].message}`);

  const imports: Import[] = [];
  const identifiers = new Set<string>();
  const nodeTypes = new Set<string>();
  visit(program as unknown as AstNode, undefined, '', (node, parent, key) => {
    nodeTypes.add(node.type);
    const found = importOf(node);
    if (found) imports.push(found);
    if (node.type === 'Identifier' && !isPropertyName(parent, key)) identifiers.add(node['name'] as string);
    if (node.type === 'MemberExpression' && isGlobalThis(node)) {
      identifiers.add((node['property'] as AstNode)['name'] as string);
    }
  });
  return {
    path,
    imports,
    body: program.body as unknown as AstNode[],
    identifiers,
    nodeTypes,
    comments: comments.map((comment) => comment.value),
  };
}

function visit(
  node: AstNode,
  parent: AstNode | undefined,
  key: string,
  see: (node: AstNode, parent: AstNode | undefined, key: string) => void,
): void {
  see(node, parent, key);
  for (const [childKey, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) visit(child, node, childKey, see);
    }
  }
}

function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** Tells `timer.setTimeout` and `{ setTimeout: … }` from a use of the global of that name. */
function isPropertyName(parent: AstNode | undefined, key: string): boolean {
  return (key === 'property' || key === 'key') && parent?.['computed'] === false && parent['shorthand'] !== true;
}

function isGlobalThis(node: AstNode): boolean {
  return (node['object'] as AstNode)['name'] === 'globalThis' && node['computed'] === false;
}

function importOf(node: AstNode): Import | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType': {
      const source = node['source'];
      if (!isNode(source)) return undefined;
      const name = source['value'];
      return { specifier: typeof name === 'string' ? name : '(computed)', isTypeOnly: importsTypesOnly(node) };
    }
    default:
      return undefined;
  }
}

function importsTypesOnly(node: AstNode): boolean {
  if (node.type === 'TSImportType' || node['importKind'] === 'type' || node['exportKind'] === 'type') return true;
  const specifiers = (node['specifiers'] ?? []) as readonly AstNode[];
  return (
    specifiers.length > 0 &&
    specifiers.every((specifier) => specifier['importKind'] === 'type' || specifier['exportKind'] === 'type')
  );
}

/** Returns the room of a file: `protocol` for `src/protocol/frame.ts`, `errors` for `src/errors.ts`. */
function roomOf(path: string): string {
  return path.split('/')[1]!.replace(/\.ts$/, '');
}

function floorOf(path: string): number | undefined {
  return doors.has(path) ? doorFloor : floors.get(roomOf(path));
}

function targetOf(module: Module, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(module.path), specifier) : undefined;
}

/** Finds files that are in no known room, or are not named in kebab-case. */
export function findStrayFiles(modules: readonly Module[]): string[] {
  return modules.flatMap(({ path }) => {
    if (floorOf(path) === undefined) return [`${path}: no such room in the floor table`];
    if (!/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(posix.basename(path))) return [`${path}: not named in kebab-case`];
    return [];
  });
}

/** Finds imports (types included) from the same floor or a higher floor, from a door, or from outside of `src/`. */
export function findUpwardImports(modules: readonly Module[]): string[] {
  const problems: string[] = [];
  for (const module of modules) {
    const floor = floorOf(module.path) ?? 0;
    const room = roomOf(module.path);
    for (const { specifier } of module.imports) {
      const target = targetOf(module, specifier);
      if (target === undefined) continue;
      const targetFloor = target.startsWith('src/') ? floorOf(target) : undefined;
      if (targetFloor === undefined) problems.push(`${module.path}: ${specifier} is in no room`);
      else if (floor > doorFloor && targetFloor !== doorFloor && roomOf(target) !== roomOf(module.path)) {
        problems.push(`${module.path}: ${specifier} is behind a door`);
      } else if (targetFloor >= floor && roomOf(target) !== room && !neighbours.get(room)?.includes(roomOf(target))) {
        problems.push(`${module.path}: ${specifier} is not on a lower floor`);
      }
    }
  }
  return problems;
}

/** Finds files that import each other in a circle, types included. */
export function findImportCycles(modules: readonly Module[]): string[] {
  const targets = new Map(
    modules.map((module) => [
      module.path,
      module.imports
        .map((found) => ({ path: targetOf(module, found.specifier), isTypeOnly: found.isTypeOnly }))
        .filter(({ path, isTypeOnly }) => !(isTypeOnly && module.path === mutual.from && path === mutual.to))
        .map(({ path }) => path),
    ]),
  );
  const problems: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) problems.push([...trail.slice(start), path].join(' -> '));
    if (start !== -1 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) {
      if (target !== undefined) walk(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of targets.keys()) walk(path, []);
  return problems;
}

/** Finds imports of `node:` modules and packages in a room that must not use them. */
export function findOutsideImports(modules: readonly Module[]): string[] {
  const problems: string[] = [];
  for (const module of modules) {
    const room = roomOf(module.path);
    for (const { specifier } of module.imports) {
      if (specifier.startsWith('.')) continue;
      const allowed = specifier.startsWith('node:')
        ? (outsideImports.get(room)?.includes(specifier) ?? true)
        : packages.get(specifier) === room;
      if (!allowed) problems.push(`${module.path}: must not import ${specifier}`);
    }
  }
  return problems;
}

/** Finds re-exports outside of the doors, `export *` anywhere, and doors that do more than re-export names. */
export function findBarrels(modules: readonly Module[]): string[] {
  const problems: string[] = [];
  for (const { path, body } of modules) {
    for (const statement of body) {
      const isReExport = isNode(statement['source']) && statement.type !== 'ImportDeclaration';
      if (statement.type === 'ExportAllDeclaration') problems.push(`${path}: export *`);
      else if (doors.has(path) && !isReExport) problems.push(`${path}: a door only re-exports names`);
      else if (!doors.has(path) && isReExport) problems.push(`${path}: only a door re-exports`);
    }
  }
  return problems;
}

/** Finds rooms without a test file. A room of types and constants only needs no test. */
export function findUntestedRooms(modules: readonly Module[], testPaths: ReadonlySet<string>): string[] {
  const rooms = new Set(
    modules
      .filter(({ path, nodeTypes }) => !doors.has(path) && runningNodeTypes.some((type) => nodeTypes.has(type)))
      .map(({ path }) => roomOf(path)),
  );
  const tested = new Set(Array.from(testPaths, (path) => roomOf(path.replace(/\.test\.ts$/, '.ts'))));
  return Array.from(rooms)
    .filter((room) => !tested.has(room))
    .map((room) => `${room}: no test in test/${room}`);
}

/** Finds clocks and timers outside of the files that bind them. */
export function findStrayTimers(modules: readonly Module[]): string[] {
  return modules.flatMap(({ path, identifiers, imports }) => {
    if (clockFiles.has(path)) return [];
    const names = ['setTimeout', 'setInterval', 'performance'].filter((name) => identifiers.has(name));
    const isImported = imports.some(({ specifier }) => specifier.endsWith('/clock.ts'));
    if (identifiers.has('setImmediate') && !isImported) names.push('setImmediate');
    const specifiers = imports
      .map((found) => found.specifier)
      .filter((name) => /^node:(timers|perf_hooks)\b/.test(name));
    return [...names, ...specifiers].map((name) => `${path}: ${name} belongs in ${clockFile}`);
  });
}

/** Finds uses of a clock, promises or the Node process in protocol and handshake, which must do without. */
export function findImpureProtocol(modules: readonly Module[]): string[] {
  return modules.flatMap(({ path, identifiers, nodeTypes }) => {
    const room = roomOf(path);
    if (room !== 'protocol' && room !== 'handshake') return [];
    const names = ['Date', 'performance', 'process', 'Promise', 'setImmediate', 'queueMicrotask'];
    const found = names.filter((name) => identifiers.has(name));
    if (nodeTypes.has('AwaitExpression')) found.push('await');
    return found.map((name) => `${path}: ${name} in ${room}/`);
  });
}

/** Finds `any`, and comments that silence the compiler. */
export function findTypeHoles(modules: readonly Module[]): string[] {
  return modules.flatMap(({ path, nodeTypes, comments }) => {
    const problems = nodeTypes.has('TSAnyKeyword') ? [`${path}: any`] : [];
    const silenced = comments.flatMap((comment) => /@ts-(?:ignore|nocheck|expect-error)/.exec(comment)?.[0] ?? []);
    return [...problems, ...silenced.map((directive) => `${path}: ${directive}`)];
  });
}
