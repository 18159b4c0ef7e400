import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';

describe('what real peers send is read kindly', () => {
  test.each(['Sec-WebSocket-Protocol: ', 'Sec-WebSocket-Protocol: ,chat,, ', 'Sec-WebSocket-Protocol: ,'])(
    '4D-196 a server reads "%s"',
    async (header) => {
      const { web } = await startServerOf({ onMessage() {} }, { protocols: ['chat'] });
      const client = await RawClient.open(web.HTTPPort, { headers: [header] });
      const { headers, status } = await client.answered;
      expect(status).toBe(101);
      expect(headers.get('sec-websocket-protocol')).toBe(header.includes('chat') ? 'chat' : undefined);
    },
  );

  test.each([
    ['', undefined],
    [',', undefined],
    ['permessage-deflate;', 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
    [', permessage-deflate,,', 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
  ])('4D-196 a server reads the extensions "%s"', async (offer, answer) => {
    const { web } = await startServerOf({ onMessage() {} }, { compression: true });
    const client = await RawClient.open(web.HTTPPort, { headers: [`Sec-WebSocket-Extensions: ${offer}`] });
    const { headers, status } = await client.answered;
    expect(status).toBe(101);
    expect(headers.get('sec-websocket-extensions')).toBe(answer);
  });

  test.each(['Sec-WebSocket-Protocol: ', 'Sec-WebSocket-Extensions: ', 'Sec-WebSocket-Extensions: ,'])(
    '4D-196 a client reads "%s" in the answer',
    async (header) => {
      const server = await startRawServer();
      const client = new WebSocket(server.url, {}, { compression: true });
      onTestFinished(() => client.terminate());
      const connection = await server.accept();
      connection.socket.write(connection.answer([header]));
      expect((await client.ready)?.protocol).toBe('');
    },
  );

  test('4D-196 a byte order mark in front of JSON', async () => {
    const handler = recordingHandler({ dataType: 'object' });
    const { url } = await startServerOf(handler, { dataType: 'object' });
    const ws = (await WebSocket.new(url))!;
    onTestFinished(() => ws.terminate());
    ws.send('\u{feff}{"a":1}');
    ws.send(Buffer.from('\u{feff}[2]'));
    expect(await handler.nextMessages(2)).toEqual([{ a: 1 }, [2]]);
  });
});
