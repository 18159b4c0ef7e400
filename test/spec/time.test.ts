import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { startExample } from '../helpers/program.ts';
import { RawClient } from '../helpers/raw-client.ts';

describe('fake timers that are installed when the library is loaded', () => {
  test('4D-188 neither stop it nor see its timer', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const handler = recordingHandler({ onMessage: (ws, { data }) => ws.send(data as never) });
    const { url, web } = await startServerOf(handler, { pingIntervalMs: 100, pongTimeoutMs: 100 });
    const ws = (await WebSocket.new(url))!;
    ws.send('echo');
    expect(await handler.nextMessage()).toBe('echo');
    // A peer that answers nothing: the heartbeat gives it up in real time.
    await RawClient.open(web.HTTPPort);
    expect((await handler.ended()).code).toBe(1006);
    expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_HEARTBEAT']);
    expect(vi.getTimerCount()).toBe(0);
    ws.terminate();
  });

  test.each(['node:test', 'without-immediate'])('4D-188 of %s', async (how) => {
    const program = await startExample('test/processes/fake-timers.ts', { args: [how] });
    expect(await program.ended).toMatchObject({ code: 0 });
    expect(program.lines.filter((line) => !line.includes('ExperimentalWarning') && !line.startsWith('(Use'))).toEqual([
      'echo',
      'over',
      'stopped',
    ]);
  });
});
