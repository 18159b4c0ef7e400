/** Types of `dataType: 'auto'`, checked by `npm run typecheck`. Nothing here runs. */
import { expectTypeOf } from 'vitest';
import { WebSocket, type WebSocketConnection, WebSocketServer } from '../../src/index.ts';

type Either = string | Uint8Array;

export const client = new WebSocket('ws://127.0.0.1/', {
  dataType: 'auto',
  onMessage(ws, event) {
    expectTypeOf(event.data).toEqualTypeOf<Either>();
    expectTypeOf(event.isBinary).toBeBoolean();
    expectTypeOf(ws).toEqualTypeOf<WebSocket<Either>>();
  },
});
expectTypeOf(client).toEqualTypeOf<WebSocket<Either>>();

export const later = WebSocket.new('ws://127.0.0.1/', {
  dataType: 'auto',
  onMessage: (_ws, event) => expectTypeOf(event.data).toEqualTypeOf<Either>(),
});
expectTypeOf(later).toEqualTypeOf<Promise<WebSocket<Either> | null>>();

expectTypeOf(WebSocket.connect('ws://127.0.0.1/', { dataType: 'auto' })).toEqualTypeOf<Promise<WebSocket<Either>>>();

export const server = WebSocketServer.new(
  {
    onConnection: () => ({
      onMessage(ws, event) {
        expectTypeOf(event.data).toEqualTypeOf<Either>();
        expectTypeOf(ws).toEqualTypeOf<WebSocketConnection<Either>>();
      },
    }),
  },
  { dataType: 'auto', borrowed: true },
);
expectTypeOf(server).toExtend<WebSocketServer<Either> | null>();
