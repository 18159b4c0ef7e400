import { Observed } from '../../src/diagnostics/observed.ts';
import { expect, test } from 'vitest';
import { ClientSession } from '../../src/client/client-session.ts';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { type CheckedReconnect, checkReconnect } from '../../src/client/reconnect-options.ts';
import { Reconnector } from '../../src/client/reconnector.ts';
import type { SendStatus } from '../../src/connection/send-status.ts';
import { mainWorker } from '../../src/workers/worker.ts';
import { recordingHandler } from '../../src/testing.ts';
import { scopeIn } from '../helpers/scope-in.ts';

test('a queued message that a failing connection drops goes back to the front of the queue', async () => {
  const reconnector = new Reconnector(checkReconnect(true) as CheckedReconnect, scopeIn(mainWorker), 10_000, {
    onAttempt: () => {},
    onConnectFailed: () => {},
  });
  const handler = recordingHandler();
  const owner = {
    subject: handler,
    connectPhase: 'connecting',
    giveUpConnecting: () => {},
    onOpened: () => {},
    onFinished: () => {},
  } as const;
  const { limits } = parseClientOptions({});
  const observed = new Observed('client');
  const settings = { dataType: 'text', scope: scopeIn(mainWorker), limits, observed } as const;
  const session = new ClientSession(owner, handler, settings, reconnector);
  for (const text of ['a', 'b', 'c']) expect(session.send(text)).toBe('queued');
  const sent: unknown[] = [];
  // The second message cannot be compressed, which ends the connection within the call.
  const send = (data: unknown): SendStatus => {
    sent.push(data);
    return sent.length === 2 ? 'dropped' : 'sent';
  };
  session.open({
    bytesReceived: 0,
    bytesSent: 0,
    bufferedBytes: 0,
    isBlocked: false,
    start: () => {},
    pause: () => {},
    resume: () => {},
    send,
    close: () => {},
    ping: () => Promise.resolve(undefined),
    fail: () => true,
    destroy: () => {},
    cut: () => {},
  });
  expect(sent).toEqual(['a', 'b']);
  session.stayClosed();
  const figures = { bytesReceived: 0, bytesSent: 0, openMs: 0 };
  session.onTerminated(
    { code: 1011, reason: undefined, wasClean: false, cause: 'limit', phase: 'open', ...figures },
    { unsent: [], uncertainCount: 1 },
  );
  expect(await handler.ended()).toMatchObject({ unsentMessages: ['b', 'c'], uncertainMessages: 1 });
});
