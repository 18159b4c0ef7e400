import { createServer } from 'node:http';
import express from 'express';
import { expect, test } from 'vitest';
import { checkClientOptions } from '../../src/client/client-options.ts';
import { checkServerOptions } from '../../src/server/server-options.ts';
import { WebServer } from '../../src/web-server/web-server.ts';
import { errorOf } from '../helpers/error-of.ts';

const serverDefaults = checkServerOptions({});

test('path is a text that a request can have', () => {
  for (const path of ['', '/', 'chat', '/a/b', '/caf%C3%A9'])
    expect(checkServerOptions({ path })).toEqual(serverDefaults);
  for (const path of [5, null, true, ['/'], '/chat?room=1', '/#top']) {
    expect(errorOf(() => checkServerOptions({ path: path as string })).message).toBe(
      'invalid option: path must be a text without query or fragment',
    );
  }
});

test('origins and trustedProxies are checked at the call', () => {
  const fine = { origins: ['https://a.example'], trustedProxies: ['10.0.0.0/8', '::1'] };
  expect(checkServerOptions(fine)).toEqual(checkServerOptions({}));
  expect(errorOf(() => checkServerOptions({ origins: ['a.example'] })).message).toBe(
    'invalid option: origins must hold origins such as "https://example.com:8443": without path, without "*"',
  );
  expect(errorOf(() => checkServerOptions({ origins: 'https://a.example' as '*' })).message).toBe(
    'invalid option: origins must be "*", an array of origins such as "https://example.com", or a function',
  );
  expect(errorOf(() => checkServerOptions({ trustedProxies: ['10.0.0.0/33'] })).code).toBe('ERR_INVALID_OPTION');
});

test('a server does not speak a subprotocol that marks a token, a client may offer one', () => {
  expect(errorOf(() => checkServerOptions({ protocols: ['chat', 'bearer.x'] })).message).toBe(
    'invalid option: protocols of a server must not begin with "bearer.": that marks a token',
  );
  expect(checkClientOptions({ protocols: ['chat', 'bearer.x'] }).protocols).toEqual(['chat', 'bearer.x']);
});

test('webServer is a web server', () => {
  for (const webServer of [new WebServer(), createServer()])
    expect(checkServerOptions({ webServer })).toEqual(serverDefaults);
  for (const webServer of [null, 'http', 8080, {}, { on() {} }, express()]) {
    const error = errorOf(() => checkServerOptions({ webServer: webServer as never }));
    expect(error.code).toBe('ERR_INVALID_OPTION');
    expect(error.message).toBe('invalid option: webServer must be a WebServer, or a server of node:http or node:https');
  }
});
