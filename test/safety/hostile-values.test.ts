import { beforeEach, describe, expect, test } from 'vitest';
import {
  accept,
  callWorker,
  ek,
  type ErrorEvent,
  type ErrorItem,
  type FourDError,
  lastErrors,
  onErrCall,
  type ReconnectOptions,
  refuse,
  type TerminateEvent,
  throwError,
  tryExpr,
  WebSocket,
  type WebSocketConnection,
  WebSocketServer,
} from '../../src/index.ts';
import { ignoreRejection } from '../../src/base/promises.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import {
  expectError,
  failureOf,
  hostileTable,
  recordConsole,
  until,
  useHostileWorld,
} from '../helpers/hostile-world.ts';
import {
  thenable,
  type HostileValue,
  hostileValues,
  thrownValues,
  withoutThen,
  withThrowingGetter,
} from '../helpers/hostile-values.ts';
import { turns } from '../helpers/turns.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

// User code may throw, return or pass anything, and a value may run user code again when it is touched. Each test is a
// cell of a table: a place where the library meets values of the user, and a hostile value. In every cell the call or
// the connection fails as documented, another connection of the same server still echoes, and nothing reaches the
// process. After all cells, the servers shut down.

const world = useHostileWorld();
let printed: string[];

beforeEach(() => {
  printed = recordConsole();
  world.serverErrors.all.length = 0;
});

/** Ways in which a function of the user fails. */
const WAYS: Readonly<Record<string, (make: () => unknown) => unknown>> = {
  throws: (make) => {
    throw make();
  },
  rejects: (make) => Promise.reject(make()),
  'returns a promise that rejects, without then': (make) => withoutThen(Promise.reject(make())),
  'returns a thenable that rejects': (make) => thenable((_resolve, reject) => reject(make())),
  'returns a thenable that settles twice': (make) =>
    thenable((resolve, reject) => {
      const value = make();
      reject(value);
      reject(value);
      resolve(undefined);
      throw value;
    }),
  'returns a thenable whose asynchronous then throws': (make) =>
    thenable(async () => {
      await turns(1);
      throw make();
    }),
};

const ways = Object.entries(WAYS).map(([way, fail]) => ({ way, fail }));
const plainWays = ways.slice(0, 2);

// Callbacks

type CallbackName = 'onOpen' | 'onMessage' | 'onError' | 'onTerminate';

const CALLBACKS: readonly CallbackName[] = ['onOpen', 'onMessage', 'onError', 'onTerminate'];

/** Connects two ends of the library, of which one has a callback that fails. */
async function meetCallback(side: 'client' | 'server', name: CallbackName, fail: () => unknown): Promise<void> {
  const reported = recordErrors(ek.global);
  const log: string[] = [];
  const errors: ErrorItem[] = [];
  const codes = [createDeferred<number>(), createDeferred<number>()] as const;
  const call = (called: CallbackName): unknown => {
    log.push(called);
    return called === name ? fail() : undefined;
  };
  const failing = {
    onOpen: () => call('onOpen'),
    onMessage: () => call('onMessage'),
    onError(_ws: unknown, event: ErrorEvent) {
      errors.push(...event.errors);
      return call('onError');
    },
    onTerminate(_ws: unknown, { code }: TerminateEvent) {
      codes[0].resolve(code);
      return call('onTerminate');
    },
  };
  const peer = {
    // For a connection of data type "object" this text is an error, unless it is JSON.
    onOpen: (ws: WebSocketConnection | WebSocket) => ws.send(name === 'onError' ? 'no JSON' : '1'),
    onMessage: () => {},
    onTerminate: (_ws: unknown, { code }: TerminateEvent) => codes[1].resolve(code),
  };
  world.onConnection = () => (side === 'server' ? failing : peer);
  const handler = { ...(side === 'client' ? failing : peer), dataType: 'object' as const };
  const ws = new WebSocket(world.url('/object'), handler as object);
  await ws.ready;
  if (name === 'onTerminate') ws.terminate();
  const seen = [await codes[0].promise, await codes[1].promise];
  await turns(4);
  const item = {
    errCode: 1011,
    message: expect.stringContaining(`${name} failed: `) as string,
    componentSignature: 'host',
  };
  if (name === 'onOpen' || name === 'onMessage') {
    expect(seen).toEqual([1011, 1011]);
    expect(log.slice(-2)).toEqual(['onError', 'onTerminate']);
    expect(errors).toEqual([item]);
    expect(reported).toEqual([]);
  } else {
    expect(log.at(-1)).toBe('onTerminate');
    expect(reported).toEqual([[item]]);
  }
  expect(log.filter((called) => called === 'onTerminate')).toHaveLength(1);
  expect(printed).toEqual([]);
}

hostileTable(
  world,
  'a callback',
  thrownValues,
  (['client', 'server'] as const).flatMap((side) =>
    CALLBACKS.flatMap((name) =>
      // All callbacks are called in one place, so one of them may stand for all with the odd ways.
      (name === 'onMessage' && side === 'server' ? ways : plainWays).map(({ way, fail }) => ({
        name: `${name} of a ${side} ${way}`,
        meet: (make) => meetCallback(side, name, () => fail(make)),
      })),
    ),
  ),
);

// The decision about a client

/** Asks for a connection. Resolves to the HTTP status of the answer. */
async function ask(headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const ws = await WebSocket.new(world.url('/text'), { headers }).catch((error: FourDError) => error.httpStatus!);
  if (typeof ws === 'number') return ws;
  ws!.terminate();
  return 101;
}

/** Checks that a client is refused with 500, and that the server's onError hears of it. */
async function expectFailure(status: Promise<number>): Promise<void> {
  expect(await status).toBe(500);
  const [item, ...more] = world.serverErrors.all;
  expect(item).toEqual({
    errCode: expect.any(Number) as number,
    message: expect.stringMatching(/./) as string,
    componentSignature: expect.stringMatching(/^(?:HTTP|host)$/) as string,
  });
  expect(more).toEqual([]);
}

function checkOriginWith(checkOrigin: () => unknown): Promise<number> {
  world.onConnection = () => ({ onMessage() {} });
  world.checkOrigin = checkOrigin;
  return ask({ origin: 'http://example.com' });
}

hostileTable(
  world,
  'a decision about a client that fails',
  thrownValues,
  ways.map(({ way, fail }) => ({
    name: `onConnection ${way}`,
    async meet(make) {
      world.onConnection = () => fail(make);
      await expectFailure(ask());
    },
  })),
);

hostileTable(
  world,
  'a decision about an origin that fails',
  hostileValues,
  plainWays.map(({ way, fail }) => ({
    name: `origins ${way}`,
    // A promise is no decision, so a function that rejects fails as well.
    meet: (make) => expectFailure(checkOriginWith(() => fail(make))),
  })),
);

hostileTable(world, 'a decision about a client', hostileValues, [
  ...(['returns', 'resolves to'] as const).map((how) => ({
    name: `onConnection ${how} the value`,
    async meet(make: () => unknown) {
      let isNone = false;
      world.onConnection = () => {
        const value = make();
        isNone = value === undefined || value === null;
        return how === 'returns' ? value : thenable((resolve) => resolve(value));
      };
      const status = ask();
      if ((await status) === 403) expect(isNone || world.serverErrors.all.length === 0).toBe(true);
      else await expectFailure(status);
    },
  })),
  {
    name: 'accept() gets the value as handler',
    async meet(make) {
      world.onConnection = () => accept(make() as never);
      await expectFailure(ask());
    },
  },
  {
    name: 'accept() gets the value as handler, and options that are wrong',
    meet: (make) => expectError(() => accept(make() as never, { protocol: ' ' }), 'ERR_INVALID_OPTION'),
  },
  {
    name: 'accept() gets the value as data',
    async meet(make) {
      const data = make();
      ignoreRejection(data);
      world.onConnection = () => accept({ onMessage() {} }, { data });
      expect(await ask()).toBe(101);
    },
  },
  {
    name: 'origins returns the value',
    meet: (make) => expectFailure(checkOriginWith(make)),
  },
]);

test('a handler whose prototype cannot be read is a handler', async () => {
  const handler = { onMessage() {} };
  world.onConnection = () => new Proxy(handler, { getPrototypeOf: () => expect.unreachable() });
  expect(await ask()).toBe(101);
  world.onConnection = () => accept(new Proxy(handler, { getPrototypeOf: () => expect.unreachable() }));
  expect(await ask()).toBe(101);
});

// Callbacks of a server

let serverCount = 0;

/** Creates a server that is to end in the cell. */
function createServer(handler: { onConnection(): { onMessage(): void } }): WebSocketServer {
  return WebSocketServer.new(handler, { webServer: world.web, path: `/own-${++serverCount}` })!;
}

hostileTable(
  world,
  'a callback of a server',
  thrownValues,
  (['onOpen', 'onError', 'onRefuse', 'onTerminate'] as const).flatMap((name) =>
    plainWays.map(({ way, fail }) => ({
      name: `${name} ${way}`,
      async meet(make: () => unknown) {
        const reported = recordErrors(ek.global);
        const isRefused = name === 'onError' || name === 'onRefuse';
        const wss = createServer({
          [name]: () => fail(make),
          onConnection() {
            if (isRefused) throw new Error(`for ${name}`);
            return { onMessage() {} };
          },
        });
        const ws = await WebSocket.new(world.url(wss.path!));
        expect(ws === null).toBe(isRefused);
        await wss.drain({ intervalMs: 1 });
        expect(wss.terminated).toBe(true);
        expect(
          reported.map(([item]) => item!.message).filter((text) => text.startsWith(`${name} failed`)),
        ).toHaveLength(1);
      },
    })),
  ),
);

// Workers and error handling

/** -1, and the errCode of the errors of the library among the values. */
const CODES_OF_THROWN = [-1, -20_006];

hostileTable(world, 'workers and error handling', thrownValues, [
  ...ways.map(({ way, fail }) => ({
    name: `a message of a worker ${way}`,
    async meet(make: () => unknown) {
      const name = workerName();
      callWorker(name, () => fail(make));
      await runInWorker(name, () => {});
      expect(printed).toHaveLength(1);
      const reported = recordErrors(ek.global);
      callWorker(name, () => fail(make));
      await runInWorker(name, () => {});
      expect(reported.map(([item]) => item!.message)).toEqual([expect.stringContaining(`${name} failed: `)]);
      expect(CODES_OF_THROWN).toContain(reported[0]![0]!.errCode);
    },
  })),
  ...plainWays.map(({ way, fail }) => ({
    name: `the expression of tryExpr() ${way}`,
    async meet(make: () => unknown) {
      expect(await tryExpr(() => fail(make))).toBeUndefined();
      const [item, ...more] = lastErrors()!;
      expect(more).toEqual([]);
      expect(CODES_OF_THROWN).toContain(item!.errCode);
      expect(item!.message).toEqual(expect.any(String));
    },
  })),
]);

hostileTable(
  world,
  'an error handler that fails',
  hostileValues,
  plainWays.map(({ way, fail }) => ({
    name: `an error handler ${way}`,
    async meet(make: () => unknown) {
      // An error that nobody waits for.
      world.onConnection = () => ({ onMessage() {}, onTerminate: () => fail(() => new Error('reported')) });
      onErrCall(() => fail(make) as undefined);
      expect(await ask()).toBe(101);
      await until(() => printed.length === 1);
      // The error of a call: what the handler throws goes to the caller.
      const failure = await failureOf(() => throwError(-5, 'for the handler'));
      ignoreRejection(failure?.thrown);
      onErrCall(null);
      expect(failure !== undefined).toBe(way === 'throws');
      if (way === 'rejects') await until(() => printed.length === 2);
    },
  })),
);

hostileTable(world, 'throwError() and tryExpr()', hostileValues, [
  {
    name: 'throwError() gets the value as text',
    meet: (make) => expectError(() => throwError(-5, make() as string), 'ERR_THROWN'),
  },
  {
    name: 'throwError() gets the value as code',
    meet(make) {
      const code = make();
      ignoreRejection(code);
      return expectError(() => throwError(code as number, 'text'), 'ERR_THROWN');
    },
  },
  {
    name: 'the expression of tryExpr() returns the value',
    async meet(make) {
      const value = make();
      // A thenable is followed, and another value is returned as it is.
      const result: unknown = tryExpr(() => value);
      if (result !== undefined && result !== value) expect(await (result as Promise<unknown>)).toBeUndefined();
      else expect(lastErrors() === null || result === undefined).toBe(true);
    },
  },
]);

// Calls that take a function

hostileTable(
  world,
  'a value in place of a function',
  hostileValues.filter(({ name }) => !name.includes('function')),
  [
    {
      name: 'callWorker()',
      meet: (make) => expectError(() => callWorker('W', make() as never), 'ERR_INVALID_ARGUMENT'),
    },
    { name: 'tryExpr()', meet: (make) => expectError(() => tryExpr(make() as never), 'ERR_INVALID_ARGUMENT') },
    {
      name: 'onErrCall()',
      async meet(make) {
        const value = make();
        if (value === null || value === '') onErrCall(value);
        else await expectError(() => onErrCall(value as never), 'ERR_INVALID_ARGUMENT');
      },
    },
  ],
);

// Functions of the option reconnect. All values meet them at the same time, because each attempt waits for a timer.

/**
 * Connects a client that loses its connection at once, and by default reconnects once. Resolves to the events of its end.
 */
async function loseConnection(options: ReconnectOptions): Promise<{ errors: FourDError[]; ends: TerminateEvent[] }> {
  world.onConnection = () => ({ onOpen: (ws: WebSocketConnection) => ws.terminate(4001), onMessage() {} });
  const [errors, ends]: [FourDError[], TerminateEvent[]] = [[], []];
  const ended = createDeferred();
  let lossCount = 0;
  const reconnect = { minDelayMs: 1, maxDelayMs: 1, shouldReconnect: () => ++lossCount === 1, ...options };
  await WebSocket.new(
    world.url('/text'),
    {
      onError: (_ws, { error }) => errors.push(error),
      onTerminate(_ws, event) {
        ends.push(event);
        ended.resolve();
      },
    },
    { reconnect },
  );
  await ended.promise;
  return { errors, ends };
}

/** Tells each value to a client of its own. */
function loseConnections(
  values: readonly HostileValue[],
  toOptions: (make: () => unknown) => ReconnectOptions,
): Promise<{ errors: FourDError[]; ends: TerminateEvent[] }[]> {
  return Promise.all(values.map(({ make }) => loseConnection(toOptions(make))));
}

describe.each(ways)('a function of the option reconnect $way', ({ fail }) => {
  test('shouldReconnect: the client does not reconnect, and the error is reported', async () => {
    const reported = recordErrors(ek.global);
    const clients = await loseConnections(thrownValues, (make) => ({
      shouldReconnect: () => fail(make) as boolean,
    }));
    for (const { errors, ends } of clients) {
      expect(errors).toEqual([]);
      expect(ends).toEqual([expect.objectContaining({ code: 4001, reconnectAttempts: 0 })]);
    }
    await world.check();
    // A thenable that is no promise is no decision either, but nothing waits for it.
    for (const [item] of reported) {
      expect(item).toMatchObject({
        errCode: 1011,
        message: expect.stringMatching(/^shouldReconnect failed: /) as string,
      });
    }
    expect([0, thrownValues.length]).toContain(reported.length);
  });

  test.each(['url', 'headers'] as const)('%s: the attempt fails', async (name) => {
    const clients = await loseConnections(thrownValues, (make) => ({
      [name]: () => fail(make),
    }));
    for (const { errors, ends } of clients) {
      expect(errors.map(({ code }) => code)).toEqual(['ERR_CONNECT_FAILED']);
      expect(ends).toEqual([expect.objectContaining({ code: 1006, reconnectAttempts: 1 })]);
    }
    await world.check();
  });
});

test('url and headers of the option reconnect that fail together', async () => {
  const clients = await loseConnections(hostileValues, (make) => ({
    url: () => Promise.reject(make()),
    headers() {
      throw make();
    },
  }));
  for (const { errors } of clients) expect(errors.map(({ code }) => code)).toEqual(['ERR_CONNECT_FAILED']);
  await world.check();
});

describe('a function of the option reconnect returns a value', () => {
  test.each(['url', 'headers', 'shouldReconnect'] as const)('%s', async (name) => {
    const clients = await loseConnections(hostileValues, (make) => ({
      [name]: make,
    }));
    for (const { ends } of clients) expect(ends).toHaveLength(1);
    await world.check();
  });

  test.each(['onReconnect', 'onDisconnect'])('%s fails', async (name) => {
    world.onConnection = () => ({ onOpen: (ws: WebSocketConnection) => ws.terminate(4001), onMessage() {} });
    const clients = await Promise.all(
      thrownValues.map(async ({ make }) => {
        const codes: string[] = [];
        const ended = createDeferred();
        const handler = {
          [name]() {
            throw make();
          },
          onError: (_ws: unknown, { error }: ErrorEvent) => void codes.push(error.code),
          onTerminate: () => ended.resolve(),
        };
        const reconnect = { minDelayMs: 1, maxDelayMs: 1, shouldReconnect: () => true };
        await WebSocket.new(world.url('/text'), handler, { reconnect });
        await ended.promise;
        return codes;
      }),
    );
    for (const codes of clients) expect(codes).toEqual(['ERR_CALLBACK_FAILED']);
    await world.check();
  });
});

describe('the first attempt', () => {
  test.each(plainWays)('shouldReconnect $way: the client ends, and both errors are reported', async ({ fail }) => {
    const reported = recordErrors(ek.global);
    world.onConnection = () => refuse(503);
    const clients = await Promise.all(
      thrownValues.map(({ make }) =>
        WebSocket.new(world.url('/text'), {}, { reconnect: { shouldReconnect: () => fail(make) as boolean } }),
      ),
    );
    expect(clients).toEqual(thrownValues.map(() => null));
    const messages = reported.map(([item]) => item!.message);
    for (const beginning of ['shouldReconnect failed: ', 'handshake refused: HTTP 503']) {
      expect(messages.filter((text) => text.startsWith(beginning))).toHaveLength(thrownValues.length);
    }
    await world.check();
  });

  test('an error that shouldReconnect has changed is the cause when the time is over', async () => {
    world.onConnection = () => refuse(503);
    const members = ['message', 'httpStatus', 'httpHeaders', 'httpBody', 'endCause', 'phase', 'cause', 'stack'];
    await Promise.all(
      members.map(async (member) => {
        const shouldReconnect = ({ error }: { readonly error: FourDError | undefined }): boolean => {
          if (error !== undefined) withThrowingGetter(error, member);
          return true;
        };
        const options = { reconnect: { minDelayMs: 1, maxDelayMs: 1, shouldReconnect }, connectTimeoutMs: 200 };
        const failure = await failureOf(() => WebSocket.new(world.url('/text'), {}, options));
        expect(failure?.thrown).toMatchObject({ code: 'ERR_CONNECT_TIMEOUT', httpStatus: 503 });
      }),
    );
    await world.check();
  });
});

test('reconnect() after the end of a client whose callbacks and functions fail', async () => {
  world.onConnection = () => ({ onOpen: (ws: WebSocketConnection) => ws.terminate(4001), onMessage() {} });
  const reported = recordErrors(ek.global);
  await Promise.all(
    thrownValues.map(async ({ make }) => {
      const ended = createDeferred();
      let count = 0;
      const handler = {
        onTerminate(ws: WebSocket) {
          if (++count === 2) ended.resolve();
          else ws.reconnect();
          throw make();
        },
      };
      await WebSocket.new(world.url('/text'), handler, { reconnect: true });
      await ended.promise;
    }),
  );
  expect(reported).toHaveLength(2 * thrownValues.length);
  await world.check();
});

test('an error that shouldReconnect has changed', async () => {
  const members = ['message', 'errCode', 'code', 'item', 'endCause', 'phase', 'cause', 'httpHeaders', 'stack'];
  await Promise.all(
    members.map(async (member) => {
      const { errors, ends } = await loseConnection({
        url: () => 'no URL',
        shouldReconnect({ attempt, error }) {
          if (error !== undefined) withThrowingGetter(error, member);
          return attempt === 1;
        },
      });
      expect(errors).toHaveLength(1);
      expect(ends).toEqual([expect.objectContaining({ code: 1006, reconnectAttempts: 1 })]);
    }),
  );
  await world.check();
});
