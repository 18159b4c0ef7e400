import { expect, test } from 'vitest';
import { toServerName } from '../../src/client/server-name.ts';

test.each([
  ['example.com', 'example.com'],
  ['example.com.', 'example.com'],
  ['127.0.0.1', ''],
  ['::1', ''],
])('RFC 6066 3: the server name of %s is "%s"', (host, name) => {
  expect(toServerName(host)).toBe(name);
});
