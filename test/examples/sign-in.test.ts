import { expect, test } from 'vitest';
import { RawClient } from '../helpers/raw-client.ts';
import { startExample } from '../helpers/program.ts';

test(
  'admits a client with a token in a header or subprotocol, and answers 401 to others',
  { timeout: 60_000 },
  async () => {
    const program = await startExample('examples/sign-in.ts', { env: { PORT: '0' } });
    const port = Number(new URL(await program.printed(/ws:\/\/127\.0\.0\.1:\d+\//)).port);

    const ada = await RawClient.open(port, { headers: ['Sec-WebSocket-Protocol: chat, bearer.ada-knows-this'] });
    const answer = await ada.answered;
    expect(answer.headers.get('sec-websocket-protocol')).toBe('chat');
    expect(answer.headers.get('set-cookie')).toBe('user=Ada; HttpOnly');
    expect(await ada.nextText()).toBe('Hello Ada');
    ada.sendText('hi');
    expect(await ada.nextText()).toBe('Ada: hi');

    const grace = await RawClient.open(port, { headers: ['Authorization: Bearer grace-knows-that'] });
    expect(await grace.nextText()).toBe('Hello Grace');

    for (const headers of [[], ['Authorization: Bearer wrong'], ['Sec-WebSocket-Protocol: chat, bearer.']]) {
      const stranger = await RawClient.request(port, { headers });
      expect(await stranger.answered).toMatchObject({ status: 401, body: '{"error":"sign in first"}' });
    }
    const foreign = await RawClient.request(port, {
      headers: ['Authorization: Bearer ada-knows-this', 'Origin: https://evil.example'],
    });
    expect((await foreign.answered).status).toBe(403);
  },
);
