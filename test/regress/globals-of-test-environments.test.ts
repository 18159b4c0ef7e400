import { expect, test, vi } from 'vitest';
import { type FourDError, refuse, WebSocket } from '../../src/index.ts';
import { startLibraryServer } from '../helpers/library-server.ts';

test('the globals that jsdom replaces or lacks are not used', async () => {
  const queries: unknown[] = [];
  const server = await startLibraryServer((_wss, { request }) => {
    queries.push({ ...request.query });
    return request.query['token'] === undefined ? refuse(403, 'no token') : { onMessage() {} };
  });
  const globals = ['URL', 'URLSearchParams', 'TextDecoder', 'TextEncoder'];
  for (const name of globals) vi.stubGlobal(name, undefined);
  let refusal: FourDError | undefined;
  try {
    await WebSocket.connect(`${server.url}/?token=1`);
    await WebSocket.connect(server.url);
  } catch (error) {
    refusal = error as FourDError;
  } finally {
    vi.unstubAllGlobals();
  }
  expect(queries).toEqual([{ token: '1' }, {}]);
  expect(refusal?.message).toContain('HTTP 403 Forbidden: "no token"');
});
