import { expect, test } from 'vitest';
import { ignoreRejection } from '../../src/base/promises.ts';
import * as library from '../../src/index.ts';
import { failureOf, hostileTable, recordConsole, useHostileWorld } from '../helpers/hostile-world.ts';
import { hostileValues } from '../helpers/hostile-values.ts';
import { createDeferred } from '../helpers/deferred.ts';

// Every function and method that the library exports, found in its exports, so that a new one is met too. Each is called
// with each hostile value in each place: it succeeds, or generates an error of the library. See hostile-values.test.ts.

const world = useHostileWorld();

type Call = (...values: readonly unknown[]) => unknown;

/** Places of the hostile value, by the arguments that are made of it. */
const PLACES: readonly ((value: () => unknown) => readonly unknown[])[] = [
  (value) => [value()],
  (value) => ['text', value()],
  (value) => [value(), value()],
  (value) => [() => {}, value()],
  (value) => [value(), 'text', value()],
];

/** Calls with the value in each place. Fails when something else than an error of the library comes of it. */
async function callWithAll(call: Call, make: () => unknown): Promise<void> {
  const value = (): unknown => {
    const made = make();
    ignoreRejection(made);
    return made;
  };
  for (const toValues of PLACES) {
    const values = toValues(value);
    const failure = await failureOf(() => call(...values));
    if (failure !== undefined) expect(failure.thrown).toBeInstanceOf(library.FourDError);
  }
}

/** Returns the methods of an object, by name. */
function functionsOf(object: object): [name: string | symbol, value: Call][] {
  return Reflect.ownKeys(object)
    .map((name) => [name, Object.getOwnPropertyDescriptor(object, name)?.value as unknown] as const)
    .filter((entry): entry is [string | symbol, Call] => typeof entry[1] === 'function' && entry[0] !== 'constructor');
}

function isClass(value: Call): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** Classes with an object of each. */
interface Subjects {
  readonly WebSocket: library.WebSocket;
  readonly WebSocketConnection: library.WebSocketConnection;
  readonly WebSocketServer: library.WebSocketServer;
  readonly WebServer: library.WebServer;
}

let serverCount = 0;

async function useSubjects(use: (subjects: Subjects) => Promise<void>): Promise<void> {
  const opened = createDeferred<library.WebSocketConnection>();
  const wss = library.WebSocketServer.new(
    { onConnection: () => ({ onOpen: opened.resolve, onMessage() {} }) },
    { webServer: world.web, path: `/calls-${++serverCount}` },
  )!;
  const ws = (await library.WebSocket.new(world.url(wss.path!)))!;
  const web = new library.WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
  try {
    await use({
      WebSocket: ws,
      WebSocketConnection: await opened.promise,
      WebSocketServer: wss,
      WebServer: web,
    });
  } finally {
    ws.destroy();
    wss.terminate();
    await web.stop();
  }
}

const exported = Object.entries(library).filter(([, value]) => typeof value === 'function') as [
  name: string,
  value: Call,
][];
// bearerToken() takes a request of the library; what the members of another object throw is its caller's own.
const functions = exported.filter(([name, value]) => !isClass(value) && name !== 'bearerToken');
const classes = exported.filter(([, value]) => isClass(value)) as unknown as [
  name: string,
  value: { prototype: object },
][];

test('all classes have an object, but the errors, which the library makes itself', async () => {
  await useSubjects(async (subjects) => {
    const known = [...Object.keys(subjects), 'FourDError'];
    expect(classes.map(([name]) => name).toSorted()).toEqual(known.toSorted());
    await world.check();
  });
});

hostileTable(
  world,
  'an argument of a function',
  hostileValues,
  functions.map(([name, call]) => ({
    name,
    async meet(make) {
      recordConsole();
      try {
        await callWithAll((...values) => {
          try {
            return call(...values);
          } finally {
            // What an error handler throws goes to the caller of the next failing call.
            library.onErrCall(null);
          }
        }, make);
      } finally {
        library.setGlobalLimits({});
        library.killWorker('text');
      }
    },
  })),
);

hostileTable(
  world,
  'an argument of a class',
  hostileValues,
  classes
    .filter(([name]) => name !== 'FourDError')
    .flatMap(([className, { prototype }]) =>
      functionsOf(prototype).map(([name]) => ({
        name: `${className}.${String(name)}()`,
        meet: (make: () => unknown) =>
          useSubjects((subjects) => {
            const subject = subjects[className as keyof Subjects] as unknown as Record<string | symbol, Call>;
            return callWithAll((...values) => subject[name]!(...values), make);
          }),
      })),
    ),
);

hostileTable(
  world,
  'an argument of a static method',
  hostileValues,
  classes.flatMap(([className, value]) =>
    functionsOf(value)
      .filter(([name]) => name !== 'prototype')
      .map(([name]) => ({
        name: `${className}.${String(name)}()`,
        meet: (make: () => unknown) =>
          callWithAll((...values) => (value as unknown as Record<string | symbol, Call>)[name]!(...values), make),
      })),
  ),
);

hostileTable(world, 'an argument of a constructor', hostileValues, [
  {
    name: 'WebSocket',
    meet(make) {
      recordConsole();
      return callWithAll(async (...values) => {
        const ws = new library.WebSocket(...(values as [string]));
        expect(await ws.ready).toBeNull();
      }, make);
    },
  },
  { name: 'WebServer', meet: (make) => callWithAll((settings) => new library.WebServer(settings as object), make) },
]);
