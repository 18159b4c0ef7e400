import { createServer as createHttpServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ignoreRejection } from '../../src/base/promises.ts';
import {
  accept,
  callWorker,
  ek,
  type ErrorCode,
  FourDError,
  killWorker,
  refuse,
  secretsEqual,
  type SendOptions,
  setGlobalLimits,
  WebServer,
  type WebServerSettings,
  WebSocket,
  type WebSocketConnection,
  type WebSocketOptions,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { checkDrainOptions } from '../../src/server/shutdown.ts';
import { readSendOptions } from '../../src/session/data-type.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { hostileObjects, hostileValues, revokedProxy, throwingProxy } from '../helpers/hostile-values.ts';
import { expectError, failureOf, hostileTable, until, useHostileWorld } from '../helpers/hostile-world.ts';
import { Inbox } from '../helpers/inbox.ts';

// What users pass to the library: options, handlers, messages, signals, moments. See hostile-values.test.ts.

const world = useHostileWorld();

const acceptsAll = { onConnection: () => ({ onMessage() {} }) };

let serverCount = 0;

/** Creates a server that is to end within its cell, on a path of its own. */
function createServer(options: WebSocketServerOptions = {}): WebSocketServer {
  const own = { webServer: world.web, path: `/own-${++serverCount}`, ...options };
  return WebSocketServer.new(acceptsAll, own as object)!;
}

/** Fails unless the call succeeds, or ends in one of these errors. Values without properties are empty options. */
async function expectNoOther(call: () => unknown, ...codes: readonly ErrorCode[]): Promise<void> {
  const failure = await failureOf(call);
  if (failure !== undefined) {
    await expectError(
      () => {
        throw failure.thrown;
      },
      ...codes,
    );
  }
}

// Options

/** Connects with options, and ends the connection. Throws why it failed. */
async function connect(options: WebSocketOptions, handler: object = {}): Promise<void> {
  world.onConnection = () => ({ onMessage() {} });
  const ws = await WebSocket.new(world.url('/text'), handler, options);
  ws!.terminate();
}

/** As {@link connect}, by the constructor, which never throws. */
async function construct(options: WebSocketOptions): Promise<void> {
  world.onConnection = () => ({ onMessage() {} });
  const calls: string[] = [];
  const ended = createDeferred();
  let failure: FourDError | undefined;
  const ws = new WebSocket(
    world.url('/text'),
    {
      onError(_ws, { error }) {
        calls.push('onError');
        failure = error;
      },
      onTerminate() {
        calls.push('onTerminate');
        ended.resolve();
      },
    },
    options,
  );
  if ((await ws.ready) !== null) ws.terminate();
  await ended.promise;
  expect(calls).toEqual(failure === undefined ? ['onTerminate'] : ['onError', 'onTerminate']);
  if (failure !== undefined) throw failure;
}

/** Starts a web server with settings, and stops it. */
async function start(settings: WebServerSettings): Promise<void> {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
  const { errors } = await web.start(settings);
  await web.stop();
  if (errors?.[0]?.errCode === -20_008) throw new FourDError('ERR_INVALID_OPTION', errors[0].message);
  expect(errors).toBeUndefined();
}

/** Sends with options from both ends of a connection, which must still work afterwards. */
async function sendBoth(options: SendOptions): Promise<void> {
  const received = new Inbox<string>();
  const opened = createDeferred<WebSocketConnection>();
  world.onConnection = () => ({
    onOpen: opened.resolve,
    onMessage: (_ws: unknown, { data }: { data: string }) => received.push(data),
  });
  const ws = (await WebSocket.new(world.url('/text'), { onMessage: (_ws, { data }) => received.push(data) }))!;
  const connection = await opened.promise;
  try {
    for (const end of [ws, connection]) {
      await failureOf(() => end.send('text', options));
      await failureOf(() => end.send(Buffer.from('bytes'), options));
      end.send('last');
    }
    await until(() => received.all.filter((text) => text === 'last').length === 2);
    ws.send('text', options);
  } finally {
    ws.terminate();
  }
}

/** Returns the names of the options that a call reads. */
async function namesReadBy(call: (options: object) => unknown): Promise<readonly string[]> {
  const names = new Set<string>();
  const options = new Proxy({}, { get: (_target, name) => void names.add(String(name)) });
  await failureOf(() => call(options));
  return Array.from(names).toSorted();
}

/** A call that takes options. */
interface Taker {
  readonly name: string;
  /** The names of all options: derived from the code that reads them, so that a new one is met too. */
  readonly keys: readonly string[];
  readonly call: (options: object) => unknown;
  /** As {@link call}, with what else it needs to succeed. Undefined where another taker has the same options. */
  readonly callWith: ((options: object) => unknown) | undefined;
  /** In which errors the call may end, beside `ERR_INVALID_OPTION`, when an option is a hostile value. */
  readonly codes?: readonly ErrorCode[];
}

const CLIENT_KEYS = await namesReadBy((options) => parseClientOptions(options));
const SERVER_KEYS = await namesReadBy((options) => parseServerOptions(options));
const SETTINGS = await namesReadBy((settings) => new WebServer(settings));
const SEND_KEYS = await namesReadBy((options) => readSendOptions(options, 'host'));

/** A taker that needs nothing else. */
function taker(
  name: string,
  keys: readonly string[],
  call: (options: object) => unknown,
  ...codes: readonly ErrorCode[]
): Taker {
  return { name, keys, call, callWith: call, codes };
}

const TAKERS: readonly Taker[] = [
  taker('WebSocket.new()', CLIENT_KEYS, connect, 'ERR_CONNECT_FAILED', 'ERR_HANDSHAKE_TIMEOUT'),
  { name: 'new WebSocket()', keys: CLIENT_KEYS, call: construct, callWith: undefined },
  taker('the option reconnect', await namesReadBy((reconnect) => parseClientOptions({ reconnect })), (reconnect) =>
    connect({ reconnect }),
  ),
  taker(
    'the option compression',
    await namesReadBy((compression) => parseClientOptions({ compression })),
    (compression) => connect({ compression }),
  ),
  taker('the option tls', [], (tls) => connect({ tls })),
  {
    name: 'WebSocketServer.new()',
    keys: SERVER_KEYS,
    // Without a path and a web server, the default web server is missing.
    call: (options) => WebSocketServer.new(acceptsAll, options),
    callWith: (options) => createServer(options).terminate(),
    codes: ['ERR_INVALID_DATA_TYPE', 'ERR_WEB_SERVER_NOT_STARTED'],
  },
  taker('new WebServer()', SETTINGS, (settings) => new WebServer(settings)),
  { name: 'start() of a web server', keys: SETTINGS, call: start, callWith: undefined },
  taker('send()', SEND_KEYS, sendBoth),
  taker('broadcast()', ['except', ...SEND_KEYS].toSorted(), (options) => world.wss.broadcast('text', options)),
  taker(
    'accept()',
    await namesReadBy((options) => accept({ onMessage() {} }, options)),
    (options) => accept({ onMessage() {} }, options),
    'ERR_INVALID_HEADER',
  ),
  taker('drain()', await namesReadBy(checkDrainOptions), async (options) => {
    const wss = createServer();
    try {
      await wss.drain(options);
    } finally {
      wss.terminate();
    }
  }),
  taker('setGlobalLimits()', await namesReadBy(setGlobalLimits), (limits) => {
    try {
      setGlobalLimits(limits);
    } finally {
      setGlobalLimits({});
    }
  }),
];

test.each(TAKERS)('all options of $name are met', async ({ keys, call }) => {
  expect(await namesReadBy(call)).toEqual(keys);
  await world.check();
});

describe.each(TAKERS)('options of $name', ({ keys, call }) => {
  test.each(keys)('a getter of %s that throws', async (key) => {
    for (const { make } of hostileValues) {
      const options = {
        get [key](): never {
          throw make();
        },
      };
      await expectError(() => call(options), 'ERR_INVALID_OPTION');
    }
    await world.check();
  });

  test('a Proxy that throws, and one that is revoked', async () => {
    await expectError(() => call(throwingProxy()), 'ERR_INVALID_OPTION');
    await expectError(() => call(revokedProxy()), 'ERR_INVALID_OPTION');
    await world.check();
  });
});

hostileTable(
  world,
  'an object in place of options',
  hostileObjects,
  TAKERS.map(({ name, call }) => ({
    name,
    meet(make) {
      const options = make() as object;
      ignoreRejection(options);
      return expectNoOther(() => call(options), 'ERR_INVALID_OPTION', 'ERR_WEB_SERVER_NOT_STARTED');
    },
  })),
);

hostileTable(
  world,
  'a value as an option',
  hostileValues,
  TAKERS.flatMap(({ name, keys, callWith, codes = [] }) =>
    callWith === undefined
      ? []
      : keys.map((key) => ({
          name: `${key} of ${name}`,
          meet: (make: () => unknown) =>
            expectIgnoring(make, (value) => callWith({ [key]: value }), 'ERR_INVALID_OPTION', ...codes),
        })),
  ),
);

test.each<[name: string, call: (make: () => unknown) => unknown]>([
  ['an element of protocols', (make) => connect({ protocols: withElement(make) })],
  ['an element of origins', (make) => createServer({ origins: withElement(make) })],
  ['an element of hosts', (make) => createServer({ hosts: withElement(make) })],
  ['an element of hosts of a web server', (make) => new WebServer({ hosts: withElement(make) })],
  ['an element of trustedProxies', (make) => createServer({ trustedProxies: withElement(make) })],
  ['an element of CORSSettings', (make) => new WebServer({ CORSSettings: withElement(make) })],
  ['a host of CORSSettings', (make) => new WebServer({ CORSSettings: [withGetter('host', make)] })],
  ['methods of CORSSettings', (make) => new WebServer({ CORSSettings: [withGetter('methods', make)] })],
  ['an element of except', (make) => world.wss.broadcast('text', { except: withElement(make) })],
])('a getter of %s that throws', async (_, call) => {
  for (const { make } of hostileValues) await expectError(() => call(make), 'ERR_INVALID_OPTION');
  await world.check();
});

test('a getter of hosts is not read again by start() and stop()', async () => {
  let count = 0;
  const hosts = Object.defineProperty(['localhost'], 0, {
    get() {
      if (++count > 1) throw new Error('read again');
      return '127.0.0.1';
    },
  });
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1', hosts });
  expect(await web.start()).toEqual({ success: true });
  await web.stop();
  expect(web.isRunning).toBe(false);
  await world.check();
});

test('a getter of CORSSettings is not read again by a request', async () => {
  let count = 0;
  const rule = {
    get host(): string {
      if (++count > 1) throw new Error('read again');
      return 'example.com';
    },
  };
  const web = new WebServer({
    HTTPPort: 0,
    IPAddressToListen: '127.0.0.1',
    CORSEnabled: true,
    CORSSettings: [rule],
  });
  await web.start();
  const { status } = await fetch(`http://127.0.0.1:${web.HTTPPort}/`, { headers: { Origin: 'http://example.com' } });
  expect(status).toBe(404);
  await web.stop();
  await world.check();
});

function withGetter(name: string, make: () => unknown): never {
  return Object.defineProperty({}, name, {
    enumerable: true,
    get() {
      throw make();
    },
  }) as never;
}

function withElement(make: () => unknown): never[] {
  return Object.defineProperty([], 0, {
    get() {
      throw make();
    },
  });
}

// Headers

const HEADER_TAKERS: readonly { readonly name: string; readonly call: (headers: never) => unknown }[] = [
  { name: 'the handler of a client', call: (headers) => connect({}, { headers }) },
  { name: 'accept()', call: (headers) => accept({ onMessage() {} }, { headers }) },
  { name: 'refuse()', call: (headers) => refuse(403, 'no', headers) },
];

hostileTable(
  world,
  'a value as headers',
  hostileValues,
  HEADER_TAKERS.flatMap(({ name, call }) => [
    {
      name,
      meet(make) {
        const headers = make();
        ignoreRejection(headers);
        return expectNoOther(() => call(headers as never), 'ERR_INVALID_HEADER');
      },
    },
    {
      name: `${name}, as one header`,
      meet(make) {
        const value = make();
        ignoreRejection(value);
        return expectNoOther(() => call({ 'x-a': value } as never), 'ERR_INVALID_HEADER');
      },
    },
    {
      name: `${name}, thrown by a getter`,
      meet: (make) => expectError(() => call(withGetter('x-a', make)), 'ERR_INVALID_HEADER'),
    },
  ]),
);

hostileTable(world, 'a value as a refusal', hostileValues, [
  {
    name: 'its status',
    meet: (make) => expectIgnoring(make, (value) => refuse(value as number), 'ERR_INVALID_REFUSAL'),
  },
  {
    name: 'its body',
    meet: (make) => expectIgnoring(make, (value) => refuse(403, value as object), 'ERR_INVALID_REFUSAL'),
  },
]);

/** As {@link expectNoOther}, for a value that may be a promise which rejects, and which nobody takes. */
async function expectIgnoring(
  make: () => unknown,
  call: (value: unknown) => unknown,
  ...codes: readonly ErrorCode[]
): Promise<void> {
  const value = make();
  ignoreRejection(value);
  await expectNoOther(() => call(value), ...codes);
}

// Handlers

hostileTable(world, 'a value as a handler', hostileValues, [
  {
    name: 'of a client',
    meet: (make) =>
      expectIgnoring(make, (value) => connect({}, value as object), 'ERR_INVALID_HANDLER', 'ERR_INVALID_DATA_TYPE'),
  },
  {
    name: 'of a server',
    async meet(make) {
      const value = make();
      ignoreRejection(value);
      await expectError(() => WebSocketServer.new(value as never), 'ERR_INVALID_HANDLER');
    },
  },
]);

hostileTable(world, 'a getter of a handler that throws', hostileValues, [
  {
    name: 'dataType or headers of a client',
    async meet(make) {
      await expectError(() => connect({}, withGetter('dataType', make)), 'ERR_INVALID_HANDLER');
      await expectError(() => connect({}, withGetter('headers', make)), 'ERR_INVALID_HANDLER');
    },
  },
  {
    name: 'onConnection of a server',
    meet: (make) => expectError(() => WebSocketServer.new(withGetter('onConnection', make)), 'ERR_INVALID_HANDLER'),
  },
  ...(['onOpen', 'onMessage', 'onError', 'onTerminate'] as const).map((name) => ({
    name: `${name} of a connection, on a later reading`,
    async meet(make: () => unknown) {
      const reported = recordErrors(ek.global);
      let count = 0;
      const handler = {
        onMessage() {},
        onError(_ws: unknown, { errors }: { errors: readonly unknown[] }) {
          reported.push(...(errors as never[]));
        },
      };
      Object.defineProperty(handler, name, {
        get() {
          // The server looks whether there is an onMessage before it accepts the client.
          if (name === 'onMessage' && ++count === 1) return () => {};
          throw make();
        },
      });
      world.onConnection = () => handler;
      const ended = createDeferred<number>();
      const ws = await WebSocket.new(world.url('/object'), {
        onOpen: (client) => client.send(name === 'onError' ? 'no JSON' : '1'),
        onTerminate: (_ws, { code }) => ended.resolve(code),
      });
      if (name === 'onTerminate') ws!.terminate();
      expect(await ended.promise).toBe({ onOpen: 1011, onMessage: 1011, onError: 1007, onTerminate: 1000 }[name]);
      await until(() => reported.length === 1);
    },
  })),
]);

// Messages

/** Sends from both ends, over open connections and one that is not open yet, and to all connections of the server. */
async function sendAll(make: () => unknown): Promise<void> {
  const received = new Inbox<unknown>();
  const opened = createDeferred<WebSocketConnection>();
  const receiver = { onMessage: (_ws: unknown, { data }: { data: unknown }) => received.push(data) };
  world.onConnection = () => ({ ...receiver, onOpen: opened.resolve });
  const ws = new WebSocket(world.url('/text'), receiver, { reconnect: true, compression: { thresholdBytes: 0 } });
  await expectIgnoring(make, (value) => ws.send(value as object), 'ERR_INVALID_MESSAGE');
  await ws.ready;
  const connection = await opened.promise;
  for (const end of [ws, connection]) {
    await expectIgnoring(make, (value) => end.send(value as object), 'ERR_INVALID_MESSAGE');
    await expectIgnoring(make, (value) => end.send({ value }), 'ERR_INVALID_MESSAGE');
    end.send('last');
  }
  await expectIgnoring(make, (value) => world.wss.broadcast(value as object), 'ERR_INVALID_MESSAGE');
  await until(() => received.all.filter((data) => data === 'last').length === 2);
  ws.terminate();
}

hostileTable(world, 'a message', hostileValues, [{ name: 'send() and broadcast()', meet: sendAll }]);

hostileTable(world, 'a message whose code fails', hostileValues, [
  { name: 'toJSON() throws', meet: (make) => sendAll(() => ({ toJSON: () => throwNow(make) })) },
  { name: 'a getter throws', meet: (make) => sendAll(() => withGetter('a', make)) },
  { name: 'a getter of then throws', meet: (make) => sendAll(() => withGetter('then', make)) },
]);

test('a message whose toJSON() is asynchronous is refused, and its rejection ignored', async () => {
  for (const { make } of hostileValues) {
    const message = { toJSON: () => Promise.reject(make()) };
    await expectError(() => world.wss.broadcast(message), 'ERR_INVALID_MESSAGE');
  }
  await world.check();
});

function throwNow(make: () => unknown): never {
  throw make();
}

describe.each([10, 20_000, 100_000])('bytes with members of their own: %d of them', (byteCount) => {
  const own = ['length', 'byteLength', 'byteOffset', 'buffer', 'copy', 'subarray', 'slice', 'set', 'toString'] as const;

  test.each(own)('%s that throws', async (name) => {
    for (const make of [() => Buffer.alloc(byteCount, 7), () => new Uint8Array(byteCount).fill(7)]) {
      await expectBytes(() => Object.defineProperty(make(), name, { get: () => throwNow(() => undefined) }), byteCount);
    }
  });

  test('a length that is too long, and one that is too short', async () => {
    for (const length of [byteCount + 1, byteCount - 1, NaN]) {
      await expectBytes(
        () => Object.defineProperty(Buffer.alloc(byteCount, 7), 'length', { value: length }),
        byteCount,
      );
    }
  });

  test('an object that only looks like a Buffer', async () => {
    await sendAll(() => Object.create(Buffer.prototype, { length: { value: byteCount } }) as object);
    await world.check();
  });
});

/** Sends bytes from both ends and to all: they arrive as they are, or are refused. */
async function expectBytes(make: () => Uint8Array, count: number): Promise<void> {
  const received = new Inbox<Buffer>();
  const wss = WebSocketServer.new(
    { onConnection: () => ({ onMessage: (_ws, { data }) => received.push(Buffer.from(data)) }) },
    { webServer: world.web, path: `/bytes-${++serverCount}`, dataType: 'blob' },
  )!;
  const ws = (await WebSocket.new(world.url(wss.path!), {
    dataType: 'blob',
    onMessage: (_ws, { data }) => received.push(Buffer.from(data)),
  }))!;
  const [connection] = wss.connections;
  for (const send of [() => ws.send(make()), () => connection!.send(make()), () => wss.broadcast(make())]) {
    await expectNoOther(send, 'ERR_INVALID_MESSAGE');
  }
  const last = Buffer.alloc(count, 8);
  for (const end of [ws, connection!]) end.send(last);
  await until(() => received.all.filter((data) => last.equals(data)).length === 2);
  for (const data of received.all) expect(data.equals(last) || data.equals(Buffer.alloc(count, 7))).toBe(true);
  wss.terminate();
  await world.check();
}

// Signals

const MEMBERS = ['aborted', 'reason', 'addEventListener', 'removeEventListener'] as const;

/** An object with the members of an AbortSignal, of which one throws once the object has been checked. */
function makeSignal(member: (typeof MEMBERS)[number], make: () => unknown): { signal: AbortSignal; abort: () => void } {
  const listeners = new Set<() => void>();
  let isAborted = false;
  const act = (name: string): void => {
    if (name === member) throw make();
  };
  let readings = 0;
  const signal = {
    get aborted() {
      if (++readings > 1) act('aborted');
      return isAborted;
    },
    get reason() {
      act('reason');
      return 'why';
    },
    addEventListener(_type: string, listener: () => void) {
      act('addEventListener');
      listeners.add(listener);
    },
    removeEventListener(_type: string, listener: () => void) {
      listeners.delete(listener);
      act('removeEventListener');
    },
  };
  const abort = (): void => {
    isAborted = true;
    for (const listener of listeners) listener();
  };
  return { signal: signal as unknown as AbortSignal, abort };
}

hostileTable(
  world,
  'a signal',
  hostileValues,
  MEMBERS.flatMap((member) =>
    (['while connecting', 'while connected', 'not at all'] as const).map((when) => ({
      name: `whose ${member} throws, aborted ${when}`,
      async meet(make: () => unknown) {
        world.onConnection = () => ({ onMessage() {} });
        const { signal, abort } = makeSignal(member, make);
        const calls: string[] = [];
        const ended = createDeferred();
        const ws = new WebSocket(
          world.url('/text'),
          {
            onError: (_ws, { error }) => void calls.push(error.code),
            onTerminate() {
              calls.push('onTerminate');
              ended.resolve();
            },
          },
          { signal },
        );
        if (when === 'while connecting') abort();
        const isOpen = (await ws.ready) !== null;
        if (when === 'while connected') abort();
        if (when === 'not at all') ws.terminate();
        await ended.promise;
        const cannotListen = member === 'aborted' || member === 'addEventListener';
        const code = cannotListen ? 'ERR_INVALID_OPTION' : when === 'while connecting' ? 'ERR_ABORTED' : undefined;
        expect(isOpen).toBe(code === undefined);
        expect(calls).toEqual(code === undefined ? ['onTerminate'] : [code, 'onTerminate']);
      },
    })),
  ),
);

test('a signal whose methods reject', async () => {
  for (const { make } of hostileValues) {
    const reject = (): Promise<never> => Promise.reject(make());
    await construct({ signal: { aborted: false, addEventListener: reject, removeEventListener: reject } as never });
  }
  await world.check();
});

// Moments

/** A Date whose time cannot be read. */
class HostileDate extends Date {
  readonly #make: () => unknown;

  constructor(make: () => unknown) {
    super();
    this.#make = make;
  }

  override getTime(): never {
    throw this.#make();
  }
}

/** Sets the expiry of an open connection. */
async function expire(moment: unknown): Promise<void> {
  const opened = createDeferred<WebSocketConnection>();
  world.onConnection = () => ({ onOpen: opened.resolve, onMessage() {} });
  const ws = (await WebSocket.new(world.url('/text')))!;
  const connection = await opened.promise;
  try {
    connection.expiresAt = moment as Date;
  } finally {
    expect(connection.status).toBe('Connected');
    ws.terminate();
  }
}

hostileTable(world, 'expiresAt', hostileValues, [
  {
    name: 'is the value',
    meet(make) {
      const value = make();
      ignoreRejection(value);
      // A moment that has passed, such as 5 ms after the year 1970 began, expires in a later turn.
      return expectNoOther(() => expire(value), 'ERR_INVALID_EXPIRY');
    },
  },
  {
    name: 'is a Date whose getTime throws the value',
    meet: (make) => expectError(() => expire(new HostileDate(() => ignored(make))), 'ERR_INVALID_EXPIRY'),
  },
]);

function ignored(make: () => unknown): unknown {
  const value = make();
  ignoreRejection(value);
  return value;
}

// Other arguments

hostileTable(world, 'an argument', hostileValues, [
  {
    name: 'the URL of a client',
    async meet(make) {
      const url = ignored(make) as string;
      await expectError(() => WebSocket.new(url), 'ERR_INVALID_URL');
      const ws = new WebSocket(url);
      expect(await ws.ready).toBeNull();
    },
  },
  {
    name: 'terminate() of both ends and of the server',
    async meet(make) {
      const value = ignored(make);
      const wss = createServer();
      const ended = createDeferred();
      const ws = (await WebSocket.new(world.url(wss.path!), { onTerminate: () => ended.resolve() }))!;
      await expectNoOther(() => wss.terminate(value as number), 'ERR_INVALID_CLOSE_ARGUMENT');
      await expectNoOther(() => ws.terminate(value as number, 'reason'), 'ERR_INVALID_CLOSE_ARGUMENT');
      await expectNoOther(() => ws.terminate(3000, value as string), 'ERR_INVALID_CLOSE_ARGUMENT');
      const [connection] = wss.connections;
      connection?.terminate(4000, value as string);
      connection?.terminate(value as number);
      await wss.drain();
      await ended.promise;
    },
  },
  {
    name: 'secretsEqual()',
    meet(make) {
      const value = ignored(make) as string;
      expect(secretsEqual(value, 'secret')).toBe(false);
      expect(secretsEqual('secret', value)).toBe(false);
    },
  },
  {
    name: 'the name of a worker',
    async meet(make) {
      const name = ignored(make) as string;
      await expectError(() => callWorker(name, () => {}), 'ERR_INVALID_WORKER');
      if (name !== undefined) killWorker(name);
    },
  },
]);

// Web servers of the user

test.each(['on', 'off', 'listenerCount', 'listen'] as const)('a web server whose %s throws', async (name) => {
  for (const { make } of hostileValues) {
    const server = Object.assign(createHttpServer(), { [name]: () => throwNow(make) });
    const failure = await failureOf(async () => {
      const wss = WebSocketServer.new(acceptsAll, { webServer: server })!;
      await wss.drain();
      expect(wss.terminated).toBe(true);
    });
    expect((failure?.thrown as FourDError | undefined)?.code).toBe(name === 'on' ? 'ERR_INVALID_OPTION' : undefined);
  }
  await world.check();
});

test('a Proxy of a web server', async () => {
  await expectNoOther(() => createServer({ webServer: new Proxy(world.web, {}) }).terminate(), 'ERR_INVALID_OPTION');
  await world.check();
});
