import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';

const why = new Error('enough');

describe('aborting the signal', () => {
  test('before the call sends no request', async () => {
    const server = await startRawServer();
    const signal = AbortSignal.abort(why);
    await expect(WebSocket.new(server.url, {}, { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: why });
    expect(server.connections.all).toEqual([]);
  });

  test('while connecting makes new() fail, ends TCP and removes the listener', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const controller = new AbortController();
    const attempt = WebSocket.new(server.url, handler, { signal: controller.signal });
    const peer = await server.accept();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(why);
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_ABORTED', errCode: 1006, side: 'local', cause: why });
    await peer.ended;
    expect(handler.callbacks).toEqual([]);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  test('while connecting runs onError and onTerminate of an existing object, not within abort()', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const controller = new AbortController();
    const ws = new WebSocket(server.url, handler, { signal: controller.signal, reconnect: true });
    await server.accept();
    controller.abort(why);
    expect(handler.callbacks).toEqual([]);
    expect(await ws.ready).toBeNull();
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'aborted' });
  });

  test('once connected closes as terminate() does, and does not reconnect', async () => {
    const server = await startPeerServer();
    const handler = recordingHandler();
    const controller = new AbortController();
    const ws = (await WebSocket.new(server.url, handler, { signal: controller.signal, reconnect: true }))!;
    const peer = await server.accept();
    controller.abort(why);
    expect((await peer.closed).code).toBe(1000);
    expect(await handler.ended()).toMatchObject({ code: 1000, wasClean: true, cause: 'aborted' });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    await turns();
    expect(ws.status).toBe('Closed');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  test('while waiting to reconnect ends the client without an error', async () => {
    const server = await startPeerServer();
    const handler = recordingHandler();
    const controller = new AbortController();
    const ws = (await WebSocket.new(server.url, handler, {
      signal: controller.signal,
      reconnect: { minDelayMs: 86_400_000, maxDelayMs: 86_400_000 },
    }))!;
    (await server.accept()).cut();
    while (ws.status !== 'Connecting') await turns(1);
    controller.abort(why);
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'aborted' });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('after the connection is over changes nothing', async () => {
    const server = await startPeerServer();
    const handler = recordingHandler();
    const controller = new AbortController();
    const ws = (await WebSocket.new(server.url, handler, { signal: controller.signal }))!;
    ws.terminate();
    await handler.ended();
    controller.abort(why);
    await turns();
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('ends all clients with the signal in the order of their creation, through one listener', async () => {
    const server = await startRawServer();
    const controller = new AbortController();
    const { signal } = controller;
    const ended: number[] = [];
    const handlers = [0, 1, 2].map((i) => recordingHandler({ onTerminate: () => void ended.push(i) }));
    const clients = handlers.map((handler) => new WebSocket(server.url, handler, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    clients[1]!.terminate();
    await handlers[1]!.ended();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    controller.abort();
    await Promise.all(handlers.map((handler) => handler.ended()));
    expect(ended).toEqual([1, 0, 2]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
