/** Types of the client, checked by `npm run typecheck`. Nothing here runs. */
import { expectTypeOf } from 'vitest';
import {
  type DataType,
  type DisconnectEvent,
  type ErrorEvent,
  type ErrorItem,
  type MessageEvent,
  type OpenEvent,
  type ReconnectEvent,
  type Status,
  type TerminateEvent,
  WebSocket,
  type WebSocketHandler,
} from '../../src/index.ts';

interface Move {
  readonly x: number;
  readonly y: number;
}

const url = 'ws://127.0.0.1/';

// The type of event.data follows dataType, for both ways to create a socket.

export const text = [
  new WebSocket(url),
  new WebSocket(url, {}),
  new WebSocket(url, {
    onMessage(ws, event) {
      expectTypeOf(event.data).toEqualTypeOf<string>();
      expectTypeOf(ws).toEqualTypeOf<WebSocket>();
    },
  }),
  new WebSocket(url, {
    dataType: 'text',
    onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<string>(),
  }),
];
expectTypeOf(text).toEqualTypeOf<WebSocket[]>();

export const blob = new WebSocket(url, {
  dataType: 'blob',
  onMessage(ws, event) {
    expectTypeOf(event.data).toEqualTypeOf<Uint8Array>();
    expectTypeOf(ws).toEqualTypeOf<WebSocket<Uint8Array>>();
  },
});
expectTypeOf(blob).toEqualTypeOf<WebSocket<Uint8Array>>();

export const object = new WebSocket(url, {
  dataType: 'object',
  onMessage: (ws, event) => {
    expectTypeOf(event.data).toBeUnknown();
    expectTypeOf(ws).toEqualTypeOf<WebSocket<unknown>>();
  },
});
expectTypeOf(object).toEqualTypeOf<WebSocket<unknown>>();

export const newText = WebSocket.new(url, {
  onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<string>(),
});
expectTypeOf(newText).toEqualTypeOf<Promise<WebSocket | null>>();
expectTypeOf(WebSocket.new(url)).toEqualTypeOf<Promise<WebSocket | null>>();

export const newBlob = WebSocket.new(url, {
  dataType: 'blob',
  onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Uint8Array>(),
});
expectTypeOf(newBlob).toEqualTypeOf<Promise<WebSocket<Uint8Array> | null>>();

export const newObject = WebSocket.new(url, {
  dataType: 'object',
  onMessage: (_ws, event) => expectTypeOf(event.data).toBeUnknown(),
});
expectTypeOf(newObject).toEqualTypeOf<Promise<WebSocket<unknown> | null>>();

// A message type of the user's own: as type argument, in the parameter, or in a handler.

export const ownArgument = WebSocket.new<Move>(url, {
  dataType: 'object',
  onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Move>(),
});
expectTypeOf(ownArgument).toEqualTypeOf<Promise<WebSocket<Move> | null>>();
expectTypeOf(new WebSocket<Move>(url, { dataType: 'object' })).toEqualTypeOf<WebSocket<Move>>();

export const ownHandler: WebSocketHandler<Move> = {
  dataType: 'object',
  onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Move>(),
};
expectTypeOf(WebSocket.new(url, ownHandler)).toEqualTypeOf<Promise<WebSocket<Move> | null>>();
expectTypeOf(new WebSocket(url, ownHandler)).toEqualTypeOf<WebSocket<Move>>();

class MoveHandler {
  readonly dataType = 'object';
  onMessage(ws: WebSocket<Move>, event: MessageEvent<Move>): void {
    ws.send({ x: event.data.y, y: event.data.x });
  }
}
expectTypeOf(WebSocket.new(url, new MoveHandler())).toEqualTypeOf<Promise<WebSocket<Move> | null>>();
expectTypeOf(new WebSocket(url, new MoveHandler())).toEqualTypeOf<WebSocket<Move>>();

// Handler classes with and without the interface, asynchronous and inherited callbacks, fewer parameters.

class Shout implements WebSocketHandler {
  readonly #log: string[] = [];
  onOpen(ws: WebSocket): void {
    ws.send('hello');
  }
  async onMessage(_ws: WebSocket, event: MessageEvent): Promise<void> {
    this.#log.push(event.data.toUpperCase());
    await Promise.resolve();
  }
  onError(): void {}
  onTerminate(_ws: WebSocket, event: TerminateEvent): void {
    expectTypeOf(event.code).toBeNumber();
    expectTypeOf(event.reason).toEqualTypeOf<string | undefined>();
    expectTypeOf(event.wasClean).toBeBoolean();
  }
}
expectTypeOf(new WebSocket(url, new Shout())).toEqualTypeOf<WebSocket>();

class Loud extends Shout {
  readonly headers = { 'x-token': 'a', 'x-list': ['a', 'b'] };
  override onError(_ws?: WebSocket, event?: ErrorEvent): void {
    expectTypeOf(event!.errors).toEqualTypeOf<readonly ErrorItem[]>();
  }
}
expectTypeOf(WebSocket.new(url, new Loud())).toEqualTypeOf<Promise<WebSocket | null>>();

class Bytes {
  readonly dataType = 'blob';
  onMessage(ws: WebSocket<Uint8Array>, { data }: MessageEvent<Uint8Array>): void {
    ws.send(data.subarray(1));
  }
}
expectTypeOf(new WebSocket(url, new Bytes())).toEqualTypeOf<WebSocket<Uint8Array>>();

class NodeBytes {
  readonly dataType = 'blob';
  onMessage(_ws: WebSocket<Buffer>, { data }: MessageEvent<Buffer>): void {
    data.readUInt8(0);
  }
}
expectTypeOf(new WebSocket(url, new NodeBytes())).toEqualTypeOf<WebSocket<Buffer>>();

class Prepared {
  dataType = 'object' as const;
  headers: Record<string, string | string[]> = {};
  constructor(token: string) {
    this.headers['x-authorization'] = token;
    this.headers.Cookie = 'yummy_cookie=choco';
  }
  onMessage = (_ws: WebSocket<unknown>, event: MessageEvent<unknown>): true => expectTypeOf(event.data).toBeUnknown();
}
expectTypeOf(new WebSocket(url, new Prepared('t'))).toEqualTypeOf<WebSocket<unknown>>();

export const fewerParameters = new WebSocket(url, {
  onOpen() {},
  onMessage: (ws) => ws.send('seen'),
  onError: () => {},
  onTerminate: async () => {},
});

export const anyResult = new WebSocket(url, {
  onOpen: () => [].length,
  onMessage: (_ws, event) => Promise.resolve(event.data),
  onError: () => null,
  async onTerminate() {
    await Promise.resolve();
    return 5;
  },
});

export const events = new WebSocket(url, {
  onDisconnect: (_ws, event) => expectTypeOf(event).toEqualTypeOf<DisconnectEvent>(),
  onReconnect: (_ws, event) => expectTypeOf(event).toEqualTypeOf<ReconnectEvent>(),
  onOpen: (_ws, event) => expectTypeOf(event).toEqualTypeOf<OpenEvent>(),
  onError: (_ws, event) => expectTypeOf(event).toEqualTypeOf<ErrorEvent>(),
  onTerminate: (_ws, event) => expectTypeOf(event).toEqualTypeOf<TerminateEvent>(),
});

// Subclasses.

class Mine extends WebSocket {
  greet(): void {
    this.send('hello');
  }
}
expectTypeOf(new Mine(url).status).toEqualTypeOf<Status>();

class MineOfMoves extends WebSocket<Move> {}
expectTypeOf(new MineOfMoves(url, ownHandler).handler).toEqualTypeOf<WebSocketHandler<Move>>();

// Uses that the compiler must refuse.

// @ts-expect-error -- an unknown data type
export const unknownDataType = new WebSocket(url, { dataType: 'json' });

class Mutable {
  dataType = 'blob';
}
// @ts-expect-error -- a field of type string: write `readonly dataType = 'blob'`
export const mutableDataType = WebSocket.new(url, new Mutable());

// @ts-expect-error -- the handler of a "blob" socket takes a string
export const wrongBytes = new WebSocket(url, { dataType: 'blob', onMessage: (_ws, event: MessageEvent) => event });

// @ts-expect-error -- a misspelt callback in a literal
export const misspelt = new WebSocket(url, { onmessage() {} });

// @ts-expect-error -- a callback that is not a function
export const noCallback = new WebSocket(url, { onMessage: 'hello' });

export const fromUrl = new WebSocket(new URL(url), {}, { proxy: new URL(url), reconnect: { url: () => new URL(url) } });

// @ts-expect-error -- the URL is neither a string nor a URL
export const noText = new WebSocket(5);

// @ts-expect-error -- an option that does not exist
export const noOption = new WebSocket(url, {}, { maxMessageSize: 5 });

// @ts-expect-error -- a header value that is not a string
export const noHeader = new WebSocket(url, { headers: { 'x-a': 5 } });

export function members(ws: WebSocket<Move>, handler: WebSocketHandler<Move>): void {
  expectTypeOf(ws.ready).toEqualTypeOf<Promise<WebSocket<Move> | null>>();
  expectTypeOf(ws.dataType).toEqualTypeOf<DataType>();
  expectTypeOf(ws.status).toEqualTypeOf<'Connecting' | 'Connected' | 'Closing' | 'Closed'>();
  // @ts-expect-error -- read-only
  ws.dataType = 'text';
  // @ts-expect-error -- read-only
  ws.handler = handler;
  // @ts-expect-error -- read-only
  ws.id = 1;
  // @ts-expect-error -- read-only
  ws.status = 'Closed';
  // @ts-expect-error -- read-only
  ws.url = url;
  // @ts-expect-error -- read-only
  ws.ready = Promise.resolve(ws);
  // @ts-expect-error -- read-only
  ws.protocol = '';
  // @ts-expect-error -- read-only
  ws.bufferedBytes = 0;
  // @ts-expect-error -- there is no such method: 4D calls it terminate
  ws.close();
}

export function sending(ws: WebSocket): void {
  ws.send('text');
  ws.send(new Uint8Array());
  ws.send(Buffer.alloc(1));
  ws.send(new ArrayBuffer(1));
  ws.send(new SharedArrayBuffer(1));
  ws.send(new DataView(new ArrayBuffer(1)));
  ws.send(new BigUint64Array());
  ws.send({ an: 'object' });
  ws.send([1, 2]);
  // @ts-expect-error -- no message
  ws.send(5);
  // @ts-expect-error -- no message
  ws.send(null);
  // @ts-expect-error -- no message
  ws.send(undefined);
  // @ts-expect-error -- no message
  ws.send();
  ws.terminate();
  ws.terminate(3000);
  ws.terminate(3000, 'reason');
  expectTypeOf(ws.destroy()).toBeVoid();
  // @ts-expect-error -- the code is not a number
  ws.terminate('3000');
}

export async function connecting(): Promise<void> {
  expectTypeOf(await WebSocket.connect(url)).toEqualTypeOf<WebSocket>();
  const connectedText = await WebSocket.connect(url, {
    onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<string>(),
  });
  expectTypeOf(connectedText).toEqualTypeOf<WebSocket>();
  const connectedBlob = await WebSocket.connect(url, {
    dataType: 'blob',
    onMessage(ws, event) {
      expectTypeOf(event.data).toEqualTypeOf<Uint8Array>();
      expectTypeOf(ws).toEqualTypeOf<WebSocket<Uint8Array>>();
    },
  });
  expectTypeOf(connectedBlob).toEqualTypeOf<WebSocket<Uint8Array>>();
  const connectedOwn = await WebSocket.connect<Move>(url, {
    dataType: 'object',
    onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Move>(),
  });
  expectTypeOf(connectedOwn).toEqualTypeOf<WebSocket<Move>>();

  class Caller extends WebSocket<Move> {
    move(x: number, y: number): void {
      this.send({ x, y });
    }
  }
  expectTypeOf(await Caller.connect(url)).toEqualTypeOf<Caller>();
  expectTypeOf(await Caller.connect(url, { dataType: 'object' })).toEqualTypeOf<Caller>();
}

export function narrowing(value: unknown): void {
  if (value instanceof WebSocket) expectTypeOf(value.url).toBeString();
}

export function reading(event: MessageEvent, errorEvent: ErrorEvent, item: ErrorItem): void {
  expectTypeOf(event.data).toBeString();
  expectTypeOf(event.type).toEqualTypeOf<'message'>();
  expectTypeOf(item.errCode).toBeNumber();
  expectTypeOf(item.message).toBeString();
  expectTypeOf(item.componentSignature).toEqualTypeOf<'HTTP' | 'HTCL' | 'host'>();
  // @ts-expect-error -- read-only
  event.data = 'other';
  // @ts-expect-error -- read-only
  errorEvent.errors.push(item);
}
