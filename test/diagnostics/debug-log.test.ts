import { expect, test } from 'vitest';
import { describe } from '../../src/diagnostics/debug-log.ts';

test('a text of a peer cannot look like another fact, or begin another line', () => {
  const message = {
    type: 'refused',
    requestPath: '/a b=c\n4D-WEBSOCKET 1: x\u2028\u001b[31m',
    status: 403,
    origin: undefined,
  };
  expect(describe('server', message)).toBe(
    String.raw`server refused requestPath="/a b=c\n4D-WEBSOCKET 1: x\u2028\u001b[31m" status=403`,
  );
});
