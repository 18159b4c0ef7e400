/**
 * Holds each point of docs/guide/typescript.md, quoted in front of what proves it (typescript-guide.test.ts compares the
 * texts). Checked by `npm run typecheck`. Nothing here runs.
 */
import { type } from 'arktype';
import * as v from 'valibot';
import { expectTypeOf } from 'vitest';
import * as z from 'zod';
import {
  accept,
  type AcceptOptions,
  type BroadcastOptions,
  type ConnectionHandler,
  type DisconnectEvent,
  type ErrorEvent,
  type FourDError,
  type InvalidEvent,
  type MessageEvent,
  type OnInvalid,
  type ReconnectOptions,
  refuse,
  type SendOptions,
  type ServeOptions,
  type StandardSchema,
  type TerminateEvent,
  type ValidationOptions,
  WebSocket,
  type WebSocketConnection,
  type WebSocketHandler,
  type WebSocketOptions,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';

interface Move {
  readonly x: number;
  readonly y: number;
}

interface User {
  readonly name: string;
}

const url = 'ws://127.0.0.1/';

// - `dataType` decides the type of `event.data`: `string` by default, `Uint8Array` for `'blob'`, `string | Uint8Array` for
//   `'auto'`, and `unknown` for `'object'`.

WebSocketServer.new({
  onConnection: () => ({ onMessage: (_, { data }) => expectTypeOf(data).toEqualTypeOf<string>() }),
});
WebSocketServer.new(
  { onConnection: () => ({ onMessage: (_, { data }) => expectTypeOf(data).toEqualTypeOf<Uint8Array>() }) },
  { dataType: 'blob' },
);
WebSocketServer.new(
  { onConnection: () => ({ onMessage: (_, { data }) => expectTypeOf(data).toEqualTypeOf<string | Uint8Array>() }) },
  { dataType: 'auto' },
);
WebSocketServer.new(
  { onConnection: () => ({ onMessage: (_, { data }) => expectTypeOf(data).toBeUnknown() }) },
  { dataType: 'object' },
);
export const plain = [
  new WebSocket(url, { onMessage: (_, { data }) => expectTypeOf(data).toEqualTypeOf<string>() }),
  new WebSocket(url, { dataType: 'blob', onMessage: (_, { data }) => expectTypeOf(data).toEqualTypeOf<Uint8Array>() }),
  new WebSocket(url, {
    dataType: 'auto',
    onMessage: (_, { data }) => expectTypeOf(data).toEqualTypeOf<string | Uint8Array>(),
  }),
  new WebSocket(url, { dataType: 'object', onMessage: (_, { data }) => expectTypeOf(data).toBeUnknown() }),
];

// - With a `schema`, `event.data` has the type of the schema's output, on clients and servers.

interface Stay {
  x: number;
  days: number;
}
const byZod = z.object({ x: z.number(), days: z.string().transform(Number) });
const byValibot = v.object({ x: v.number(), days: v.pipe(v.string(), v.transform(Number)) });
const byArktype = type({ x: 'number', days: 'string.numeric.parse' });

export const servers = [
  WebSocketServer.new(
    {
      onConnection: () => ({
        onMessage(ws, { data }) {
          expectTypeOf(data).toEqualTypeOf<Stay>();
          expectTypeOf(ws).toEqualTypeOf<WebSocketConnection<Stay>>();
        },
      }),
    },
    { dataType: 'object', schema: byZod },
  ),
  WebSocketServer.new(
    { onConnection: async () => ({ onMessage: (_ws, { data }) => expectTypeOf(data).toEqualTypeOf<Stay>() }) },
    { dataType: 'object', schema: byValibot, onInvalid: 'drop' },
  ),
  WebSocketServer.new(
    { onConnection: () => ({ onMessage: (_ws, { data }) => expectTypeOf(data).toEqualTypeOf<Stay>() }) },
    {
      dataType: 'object',
      schema: byArktype,
      onInvalid(ws, event) {
        expectTypeOf(ws).toEqualTypeOf<WebSocketConnection<Stay>>();
        expectTypeOf(event).toEqualTypeOf<InvalidEvent>();
      },
    },
  ),
];
expectTypeOf(servers[0]!).toExtend<WebSocketServer<Stay> | null>();
expectTypeOf(
  WebSocketServer.serve(
    { onConnection: () => ({ onMessage: (_ws, { data }) => expectTypeOf(data).toEqualTypeOf<Stay>() }) },
    { port: 0, dataType: 'object', schema: byZod, validateOutgoing: byValibot },
  ),
).toExtend<Promise<WebSocketServer<Stay>>>();

expectTypeOf(
  new WebSocket(url, {
    dataType: 'object',
    schema: byArktype,
    onMessage(ws, { data }) {
      expectTypeOf(data).toEqualTypeOf<Stay>();
      expectTypeOf(ws).toEqualTypeOf<WebSocket<Stay>>();
    },
    onInvalid(ws) {
      expectTypeOf(ws).toEqualTypeOf<WebSocket<Stay>>();
    },
  }),
).toEqualTypeOf<WebSocket<Stay>>();
expectTypeOf(
  WebSocket.connect(url, {
    dataType: 'object',
    schema: byValibot,
    onMessage: (_ws, { data }) => expectTypeOf(data).toEqualTypeOf<Stay>(),
  }),
).toEqualTypeOf<Promise<WebSocket<Stay>>>();
expectTypeOf(WebSocket.new(url, { dataType: 'object', schema: byArktype })).toEqualTypeOf<
  Promise<WebSocket<Stay> | null>
>();

class OwnSocket<T> extends WebSocket<T> {
  readonly extra = 1;
}
expectTypeOf(new OwnSocket<Stay>(url, { dataType: 'object', schema: byZod }).extra).toBeNumber();

// - A type argument names the type instead: `WebSocketServer.new<Move>(…)`, `new WebSocket<Move>(…)`. Nothing checks it while
//   the program runs.

export const named = WebSocketServer.new<Move>(
  { onConnection: () => ({ onMessage: (_ws, { data }) => expectTypeOf(data).toEqualTypeOf<Move>() }) },
  { dataType: 'object' },
);
export const namedClient = new WebSocket<Move>(url, {
  dataType: 'object',
  onMessage: (_ws, { data }) => expectTypeOf(data).toEqualTypeOf<Move>(),
});

// - In a handler that is written in place, `accept(…)` gives its callbacks their types when `onConnection` names a parameter:
//   `(wss) => accept(…)`.

export const accepting = WebSocketServer.new(
  {
    onConnection: async (_wss) =>
      accept({ onMessage: (_ws, { data }) => expectTypeOf(data).toEqualTypeOf<Stay>() }, { headers: { a: '1' } }),
  },
  { dataType: 'object', schema: byZod },
);

// - Any object with the right methods is a handler: a class needs no `implements`.

class Player {
  score = 0;
  onMessage(_ws: WebSocketConnection<Move>, { data }: MessageEvent<Move>): void {
    this.score += data.x;
  }
}
class Game {
  readonly name = 'chess';
  onConnection(_wss: WebSocketServer<Move>): Player {
    return new Player();
  }
}
export const game = WebSocketServer.new(new Game(), { dataType: 'object' });
class Listener {
  readonly dataType = 'object';
  readonly schema = byZod;
  onMessage(_ws: WebSocket<Stay>, { data }: MessageEvent<Stay>): number {
    return data.days;
  }
}
expectTypeOf(new WebSocket(url, new Listener())).toEqualTypeOf<WebSocket<Stay>>();

// - `implements ConnectionHandler<Move>` checks the parameters of the callbacks where the class stands.

export class Checked implements ConnectionHandler<Move> {
  onMessage(_ws: WebSocketConnection<Move>, _event: MessageEvent<Move>): void {}
}
export class Unchecked implements ConnectionHandler<Move> {
  // @ts-expect-error -- messages are no texts
  onMessage(_ws: WebSocketConnection<Move>, _event: MessageEvent): void {}
}
export class CheckedListener implements WebSocketHandler<Stay> {
  readonly dataType = 'object';
  readonly schema = byZod;
  onInvalid(ws: WebSocket<Stay>, { issues }: InvalidEvent): void {
    ws.send(issues);
  }
}

// - A handler of a server with a misspelt callback does not compile, nor does one whose connections have a misspelt callback.

// @ts-expect-error -- in the handler of the server
export const misspeltServer = WebSocketServer.new({ onConnection: () => null, onTerminat() {} });
// @ts-expect-error -- in the handler of its connections
export const misspelt = WebSocketServer.new({ onConnection: () => ({ onMessage() {}, onErorr() {} }) });

// - A handler of other messages than those of `dataType` or `schema` does not compile.

// @ts-expect-error -- not texts
export const textGame = WebSocketServer.new(new Game());
// @ts-expect-error -- not those of the schema
export const stayGame = WebSocketServer.new(new Game(), { dataType: 'object', schema: byZod });
// @ts-expect-error -- not those of the schema
export const servedStay = WebSocketServer.serve(new Game(), { dataType: 'object', schema: byValibot });
export const moveGame = WebSocketServer.new(new Game(), {
  dataType: 'object',
  schema: z.object({ x: z.number(), y: z.number() }),
});
class WrongListener {
  readonly dataType = 'object';
  readonly schema = z.object({ other: z.string() });
  onMessage(_ws: WebSocket<Stay>, _event: MessageEvent<Stay>): void {}
}
// @ts-expect-error -- not those of the schema
export const wrongListener = new WebSocket(url, new WrongListener());
// @ts-expect-error -- a schema needs dataType: 'object'
export const noDataType = WebSocketServer.new({ onConnection: () => null }, { schema: byZod });
// @ts-expect-error -- a schema needs dataType: 'object'
export const noDataTypeServed = WebSocketServer.serve({ onConnection: () => null }, { schema: byZod });

// - `handler`, of a server and of a connection, has the class that was passed.

expectTypeOf(game!.handler).toEqualTypeOf<Game>();
expectTypeOf(game!.connections[0]!.handler).toEqualTypeOf<Player>();
expectTypeOf(game!.connections[0]!.wss.handler).toEqualTypeOf<Game>();

// - In `WebSocketConnection<T, Data>`, `T` is the type of `event.data` and `Data` that of `connection.data`.

class Chat {
  onMessage(ws: WebSocketConnection<string, User>, event: MessageEvent): void {
    expectTypeOf(ws.data).toEqualTypeOf<User>();
    expectTypeOf(event.data).toEqualTypeOf<string>();
    expectTypeOf(ws.wss).toEqualTypeOf<WebSocketServer<string, User>>();
  }
}

// - What `accept(handler, { data })` is given tells the type of `data` for the connections of the server.

export const withUsers = WebSocketServer.new({
  onConnection: (_wss, { request }) =>
    request.url === '/' ? accept({ onMessage() {} }, { data: { name: 'Ada' } }) : refuse(404),
});
expectTypeOf(withUsers!.connections[0]!.data).toEqualTypeOf<{ name: string }>();

// - A class that names `WebSocketConnection<string, User>` in a callback tells it too.

export const chat = WebSocketServer.new({ onConnection: () => new Chat() });
expectTypeOf(chat!.connections[0]!.data).toEqualTypeOf<User>();

// - Without either, `data` is `unknown`.

export const without = WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) });
expectTypeOf(without!.connections[0]!.data).toBeUnknown();

// - A `switch` on a property of a union narrows `event.data`, whether the union comes from a schema or from a type argument.

type News = { type: 'joined'; name: string } | { type: 'said'; text: string };
function narrow(data: News): string {
  switch (data.type) {
    case 'joined':
      return data.name;
    case 'said':
      return data.text;
    default:
      return data satisfies never;
  }
}
const newsByZod = z.discriminatedUnion('type', [
  z.object({ type: z.literal('joined'), name: z.string() }),
  z.object({ type: z.literal('said'), text: z.string() }),
]);
const newsByValibot = v.variant('type', [
  v.object({ type: v.literal('joined'), name: v.string() }),
  v.object({ type: v.literal('said'), text: v.string() }),
]);
const newsByArktype = type({ type: "'joined'", name: 'string' }).or({ type: "'said'", text: 'string' });
const onMessage = (_ws: unknown, { data }: MessageEvent<News>): string => narrow(data);
export const news = [newsByZod, newsByValibot, newsByArktype].map((schema) =>
  WebSocketServer.new({ onConnection: () => ({ onMessage }) }, { dataType: 'object', schema }),
);
export const newsClients = [
  new WebSocket(url, { dataType: 'object', schema: newsByZod, onMessage: (_, { data }) => narrow(data) }),
  new WebSocket(url, { dataType: 'object', schema: newsByValibot, onMessage: (_, { data }) => narrow(data) }),
  new WebSocket(url, { dataType: 'object', schema: newsByArktype, onMessage: (_, { data }) => narrow(data) }),
  new WebSocket<News>(url, { dataType: 'object', onMessage: (_, { data }) => narrow(data) }),
];

// - Events are read-only.

export function events(message: MessageEvent, error: ErrorEvent, end: TerminateEvent, loss: DisconnectEvent): void {
  // @ts-expect-error -- read-only
  message.data = '';
  // @ts-expect-error -- read-only
  error.errors.length = 0;
  // @ts-expect-error -- read-only
  end.code = 1000;
  // @ts-expect-error -- read-only
  loss.attempt = 1;
}

// - `error.code` of a `FourDError` is one of the names in [Error codes](../reference/errors.md), so a misspelt one does not
//   compile.

export function codes(error: FourDError): boolean[] {
  return [
    error.code === 'ERR_INVALID_CONTENT',
    // @ts-expect-error -- misspelt
    error.code === 'ERR_INVALID_CONTEND',
  ];
}

// - `cause` of onTerminate is a union of texts, for a `switch`.

export function causes({ cause }: TerminateEvent): boolean[] {
  return [
    cause === 'peer-closed',
    // @ts-expect-error -- there is no such cause
    cause === 'closed',
  ];
}

// - Every option may be undefined, also with `exactOptionalPropertyTypes`: `{ port: undefined }` means the default.

type AllUndefined<Options> = { readonly [K in keyof Options]-?: undefined };
expectTypeOf<AllUndefined<WebSocketServerOptions>>().toExtend<WebSocketServerOptions>();
expectTypeOf<AllUndefined<ServeOptions>>().toExtend<ServeOptions>();
expectTypeOf<AllUndefined<WebSocketOptions>>().toExtend<WebSocketOptions>();
expectTypeOf<AllUndefined<ReconnectOptions>>().toExtend<ReconnectOptions>();
expectTypeOf<AllUndefined<AcceptOptions>>().toExtend<AcceptOptions>();
expectTypeOf<AllUndefined<SendOptions>>().toExtend<SendOptions>();
expectTypeOf<AllUndefined<BroadcastOptions>>().toExtend<BroadcastOptions>();
expectTypeOf<AllUndefined<ValidationOptions<WebSocket>>>().toExtend<ValidationOptions<WebSocket>>();
export const undefinedOptions = WebSocketServer.serve({ onConnection: () => null }, { port: undefined });

// - What an event may lack, such as `unsentMessages`, is left out and never undefined. Reading it gives undefined all the
//   same.

export function absent(event: TerminateEvent): TerminateEvent {
  expectTypeOf(event.unsentMessages).toEqualTypeOf<readonly (string | Uint8Array)[] | undefined>();
  // @ts-expect-error -- left out, never undefined
  return { ...event, unsentMessages: undefined };
}

// Types that are exported for schemas and functions of the user's own.

expectTypeOf(byZod).toExtend<StandardSchema<unknown, Stay>>();
expectTypeOf(byValibot).toExtend<StandardSchema<unknown, Stay>>();
expectTypeOf(byArktype).toExtend<StandardSchema<unknown, Stay>>();
export const onInvalid: OnInvalid<WebSocketConnection<Stay>> = (ws, { error }) => {
  expectTypeOf(ws).toEqualTypeOf<WebSocketConnection<Stay>>();
  expectTypeOf(error.issues).toEqualTypeOf<
    readonly { readonly path: string; readonly message: string }[] | undefined
  >();
  return ws.bufferedBytes > 0 ? 'close' : 'drop';
};
export function wide(options: WebSocketServerOptions, schema: StandardSchema<unknown, unknown>): void {
  WebSocketServer.new({ onConnection: () => null }, options);
  WebSocketServer.new({ onConnection: () => null }, { ...options, schema, dataType: 'object' });
}
