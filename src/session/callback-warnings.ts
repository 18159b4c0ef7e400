import { textOfThrown } from '../errors.ts';
import { hasCallback, hasSomeCallback } from './call-handler.ts';
import { FOREIGN_CALLBACKS, FOREIGN_EVENTS, type ForeignNames } from './foreign-names.ts';
import { nearestName } from './nearest-name.ts';

/** What has callbacks: a client, a connection of a server, a server, or a subscription. */
export type HandlerKind = 'client' | 'connection' | 'server' | 'topic';

/** The callbacks that are called, by the handler that has them. */
export const CALLBACKS: Readonly<Record<HandlerKind, readonly string[]>> = {
  client: ['onOpen', 'onMessage', 'onDrain', 'onDisconnect', 'onReconnect', 'onError', 'onTerminate', 'onInvalid'],
  connection: [
    'onOpen',
    'onMessage',
    'onDrain',
    'onError',
    'onTerminate',
    'onSubscribe',
    'onPublish',
    'onUnsubscribe',
    'onRequest',
  ],
  server: ['onOpen', 'onConnection', 'onRefuse', 'onError', 'onTerminate'],
  topic: ['onSubscribed', 'onMessage', 'onLive', 'onGap', 'onMembers', 'onJoin', 'onLeave', 'onRefused', 'onEnd'],
};

/** Prototypes of the handlers that have been looked at, by their kind. */
const seen: Readonly<Record<HandlerKind, WeakSet<object>>> = {
  client: new WeakSet(),
  connection: new WeakSet(),
  server: new WeakSet(),
  topic: new WeakSet(),
};

/** Most warnings in a process: a program may make a class for each client, so that clients decide how many there are. */
const MAX_WARNINGS = 10;

let warningCount = 0;

/** Whether a plain object was warned of. */
let hasWarnedOfPlain = false;

/**
 * Warns of functions of a handler whose names are those of callbacks in other libraries, or differ from a callback in
 * one letter or in case: once for each class, once in the process for plain objects, and {@link MAX_WARNINGS} times in all.
 *
 * @remarks Runs for each connection of a server, so a class that is known costs one look-up.
 */
export function warnOfCallbacks(handler: object, kind: HandlerKind): void {
  if (warningCount >= MAX_WARNINGS) return;
  try {
    const prototype = Object.getPrototypeOf(handler) as object | null;
    // Only the prototype of plain objects has none itself, also that of another realm (node:vm, Jest).
    if (prototype === null || Object.getPrototypeOf(prototype) === null) {
      if (!hasWarnedOfPlain) hasWarnedOfPlain = warnOf(handler, Object.keys(handler), kind, 'an object');
      return;
    }
    if (seen[kind].has(prototype)) return;
    seen[kind].add(prototype);
    warnOf(handler, namesOf(handler), kind, `the class ${textOfThrown(prototype.constructor.name)}`);
  } catch {
    // A Proxy may refuse to be looked at. It is the user's, and may be a handler all the same.
  }
}

/**
 * Lists callbacks of a handler that are never called, with what to write instead: `onClose (use onTerminate)`.
 *
 * @returns an empty text when there is none. Never throws
 */
export function uncalledOf(handler: object, kind: HandlerKind): string {
  try {
    return problemsOf(handler, namesOf(handler), kind).join(', ');
  } catch {
    return '';
  }
}

/** Returns the names of all members, those of the classes included. */
function namesOf(handler: object): Set<string> {
  const names = new Set<string>();
  let holder: object | null = handler;
  while (holder !== null && holder !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(holder)) names.add(name);
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return names;
}

function problemsOf(handler: object, names: Iterable<string>, kind: HandlerKind): string[] {
  const problems: string[] = [];
  const foreign = foreignOf(handler, kind);
  for (const name of names) {
    const advice = adviceFor(name, kind, foreign);
    if (advice !== undefined && hasCallback(handler, name)) problems.push(`${name} (use ${advice})`);
  }
  return problems;
}

/** Names of other libraries that are looked for. */
function foreignOf(handler: object, kind: HandlerKind): ForeignNames {
  // Nothing of another library is a handler of one topic.
  if (kind === 'topic') return {};
  // Beside a callback of ours, a method `close` is one of the user's own.
  return hasSomeCallback(handler, CALLBACKS[kind])
    ? FOREIGN_CALLBACKS[kind]
    : { ...FOREIGN_CALLBACKS[kind], ...FOREIGN_EVENTS[kind] };
}

function warnOf(handler: object, names: Iterable<string>, kind: HandlerKind, owner: string): boolean {
  const problems = problemsOf(handler, names, kind);
  if (problems.length === 0) return false;
  warningCount++;
  process.emitWarning(`a ${kind} handler, ${owner}, has callbacks that are never called: ${problems.join(', ')}`, {
    type: '4dWebSocketWarning',
    code: '4D_WEBSOCKET_UNKNOWN_CALLBACK',
    detail: 'The option warnings: false turns this warning off.',
  });
  return true;
}

/** Tells what to write instead of a name; undefined for a callback, and for a name of the user's own. */
function adviceFor(name: string, kind: HandlerKind, foreign: ForeignNames): string | undefined {
  const callbacks: readonly string[] = CALLBACKS[kind];
  if (callbacks.includes(name)) return undefined;
  const sameName = Object.keys(foreign).find((key) => key.toLowerCase() === name.toLowerCase());
  if (sameName !== undefined) return foreign[sameName];
  return /^on/i.test(name) ? nearestName(name, callbacks, 1) : undefined;
}
