import { expect, test } from 'vitest';
import { endingText } from '../../src/session/ending-text.ts';
import type { EndCause, EndPhase } from '../../src/index.ts';

test.each<[EndCause, EndPhase, code: number, message: string]>([
  ['peer-closed', 'open', 1000, 'the peer closed the connection with code 1000 (normal closure)'],
  ['peer-closed', 'open', 1005, 'the peer closed the connection with code 1005 (no status code)'],
  ['peer-closed', 'open', 4321, 'the peer closed the connection with code 4321'],
  ['local', 'open', 1000, 'this program closed the connection: terminate() was called'],
  ['local', 'open', 1006, 'this program dropped the connection without a close frame: destroy() was called'],
  [
    'local',
    'closing',
    1006,
    'this program dropped the connection before the peer answered the close frame: destroy() was called',
  ],
  ['aborted', 'open', 1000, 'this program closed the connection: the option signal was aborted'],
  ['shutdown', 'open', 1001, 'this program closed the connection: the server was terminated'],
  ['drain', 'open', 1001, 'this program closed the connection: the server was drained'],
  ['worker', 'closing', 1001, 'this program closed the connection: the worker that owns the connection was killed'],
  ['expired', 'open', 3000, 'this program closed the connection: expiresAt was reached'],
  ['local', 'preparing', 1006, 'this program gave up connecting: terminate() or destroy() was called'],
  ['worker', 'tls', 1006, 'this program gave up connecting: the worker that owns the connection was killed'],
])('%s in the phase %s, code %i', (cause, phase, code, message) => {
  expect(endingText({ cause, phase, code })).toBe(message);
});
