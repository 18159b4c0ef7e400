import { format } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type ErrorCode,
  type ErrorEvent,
  type ErrorItem,
  FourDError,
  WebServer,
  WebSocket,
  WebSocketServer,
} from '../../src/index.ts';
import type { HostileValue } from './hostile-values.ts';
import { Inbox } from './inbox.ts';
import { turns } from './turns.ts';

const FATAL_EVENTS = ['unhandledRejection', 'uncaughtException'] as const;

/** Servers for tests of hostile values, and a connection that has nothing to do with these: the witness. */
export interface HostileWorld {
  /** Decides about clients of `/text` and `/object`, which are paths of servers with these data types. */
  onConnection: () => unknown;
  /** The function of the option `origins`. */
  checkOrigin: () => unknown;
  /** The error items that onError of the servers got. */
  readonly serverErrors: Inbox<ErrorItem>;
  readonly web: WebServer;
  /** The server of `/text`. */
  readonly wss: WebSocketServer;
  url(path: string): string;
  /** Fails when the witness is not answered, or when something would have ended the process. */
  check(): Promise<void>;
}

/**
 * Starts the servers for all tests of a file. After these, the servers must shut down in order.
 *
 * @remarks What would end the process is caught, also from vitest, until the tests are over.
 */
export function useHostileWorld(): HostileWorld {
  const fatal: unknown[] = [];
  const echoes = new Inbox<string>();
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
  const servers: WebSocketServer<never>[] = [];
  let witness: WebSocket;
  let echoCount = 0;
  let restore: (() => void) | undefined;

  const world: HostileWorld = {
    onConnection: () => null,
    checkOrigin: () => true,
    serverErrors: new Inbox(),
    web,
    get wss() {
      return servers[0] as unknown as WebSocketServer;
    },
    url: (path) => `ws://127.0.0.1:${web.HTTPPort}${path}`,
    async check() {
      const text = `still here ${++echoCount}`;
      witness.send(text);
      expect(await echoes.next()).toBe(text);
      // Node reports a rejection when the microtasks of its turn are over.
      await turns(2);
      expect(fatal.splice(0).map(toText)).toEqual([]);
    },
  };

  beforeAll(async () => {
    restore = catchFatal(fatal);
    await web.start();
    const handler = {
      onConnection: () => world.onConnection() as null,
      onError: (_wss: unknown, { errors }: ErrorEvent) => world.serverErrors.push(errors[0]!),
    };
    const options = { webServer: web, origins: () => world.checkOrigin() as boolean };
    servers.push(
      WebSocketServer.new(handler, { ...options, path: '/text' })!,
      WebSocketServer.new(handler, { ...options, path: '/object', dataType: 'object' })!,
      WebSocketServer.new(
        { onConnection: () => ({ onMessage: (ws, { data }) => void ws.send(data) }) },
        { webServer: web, path: '/witness' },
      )!,
    );
    witness = (await WebSocket.new(world.url('/witness'), { onMessage: (_ws, { data }) => echoes.push(data) }))!;
  });

  afterAll(async () => {
    await web.stop();
    expect(servers.map(({ terminated }) => terminated)).toEqual([true, true, true]);
    expect(fatal.map(toText)).toEqual([]);
    restore?.();
  });

  return world;
}

/** Collects what would end the process. Returns a function that undoes it. */
function catchFatal(caught: unknown[]): () => void {
  const saved = FATAL_EVENTS.map((event) => ({ event, listeners: process.rawListeners(event) }));
  for (const { event } of saved) {
    process.removeAllListeners(event);
    process.on(event, (thrown: unknown) => caught.push(thrown));
  }
  return () => {
    for (const { event, listeners } of saved) {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener as () => void);
    }
  };
}

function toText(thrown: unknown): string {
  try {
    return format(thrown);
  } catch {
    return 'a value that cannot be printed';
  }
}

/** Returns what the console gets until the test ends. Like the real console, this one throws what printing throws. */
export function recordConsole(): string[] {
  const printed: string[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((...values) => void printed.push(format(...values)));
  onTestFinished(() => spy.mockRestore());
  return printed;
}

/** A place where the library meets a value of the user. */
export interface Place {
  readonly name: string;
  /** Lets the place meet the value, and checks what becomes of the call or the connection. */
  readonly meet: (make: () => unknown) => Promise<void> | void;
}

/** Makes a test of each place and each value. */
export function hostileTable(
  world: HostileWorld,
  title: string,
  values: readonly HostileValue[],
  places: readonly Place[],
): void {
  describe(title, () => {
    describe.each(places)('$name', ({ meet }) => {
      test.each(values)('$name', async ({ make }) => {
        await meet(make);
        await world.check();
      });
    });
  });
}

/** Fails unless the call throws, or rejects with, an error of the library that has one of these codes. */
export async function expectError(call: () => unknown, ...codes: readonly ErrorCode[]): Promise<void> {
  const failure = await failureOf(call);
  expect(failure?.thrown).toBeInstanceOf(FourDError);
  const error = failure?.thrown as FourDError;
  expect(codes).toContain(error.code);
  expect(error.message).toEqual(expect.any(String));
}

/** Resolves to what the call throws or rejects with, undefined when it succeeds. Touches no value. */
export async function failureOf(call: () => unknown): Promise<{ readonly thrown: unknown } | undefined> {
  try {
    await call();
    return undefined;
  } catch (thrown) {
    return { thrown };
  }
}

/** Lets the event loop turn until the condition holds. Fails when it does not hold after many turns. */
export async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !isTrue(); i++) await turns(1);
  expect(isTrue()).toBe(true);
}
