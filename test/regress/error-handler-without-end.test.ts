import { expect, test } from 'vitest';
import { lastErrors, onErrCall, throwError, tryExpr, WebSocketServer, WebServer } from '../../src/index.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

function fail(): unknown {
  return WebSocketServer.new({ onConnection: () => null }, { webServer: new WebServer() });
}

/** An error handler that made a failing call was called for that error too, and so on: the stack overflowed. */
test('an error handler whose own call fails the same way is called once', async () => {
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

/** A finished tryExpr kept the errors of code that it had started, so that no error handler was called. */
test('an error after the end of its tryExpr reaches the error handler', async () => {
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
