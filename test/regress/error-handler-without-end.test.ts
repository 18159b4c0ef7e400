import { expect, test } from 'vitest';
import { lastErrors, onErrCall, throwError, tryExpr, WebSocketServer, WebServer } from '../../src/index.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

function fail(): unknown {
  return WebSocketServer.new({ onConnection: () => null }, { webServer: new WebServer() });
}

/** The handler was called for its own failing call, and for that of this call, until the stack was full. */
test('an error handler that fails the same way is called once', async () => {
  await runInWorker(workerName(), () => {
    let count = 0;
    onErrCall(() => {
      count++;
      fail();
    });
    expect(fail).toThrow(expect.objectContaining({ code: 'ERR_WEB_SERVER_NOT_STARTED' }) as Error);
    expect(count).toBe(1);
  });
});

/** What code failed that a tryExpr had started long ago was kept by it, so that nobody ever heard of it. */
test('an error behind the end of its tryExpr is not swallowed', async () => {
  await runInWorker(workerName(), async () => {
    const heard: string[] = [];
    onErrCall(([item]) => heard.push(item!.message));
    const later = await new Promise<unknown>((resolve) => {
      tryExpr(() => setImmediate(() => resolve(throwError(-1, 'too late'))));
    });
    expect(later).toBeUndefined();
    expect(heard).toEqual(['too late']);
    expect(lastErrors()).toBeNull();
  });
});
