import { createServer } from 'node:http';
import { createSecureServer as createHttp2SecureServer, createServer as createHttp2Server } from 'node:http2';
import express from 'express';
import { expect, test } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { WebServer } from '../../src/web-server/web-server.ts';
import { errorOf } from '../helpers/error-of.ts';

const serverDefaults = parseServerOptions({}).limits;

test('a path that no request can have is refused', () => {
  for (const path of ['', '/', 'chat', '/a/b', '/caf%C3%A9'])
    expect(parseServerOptions({ path }).limits).toEqual(serverDefaults);
  for (const path of [5, null, true, ['/']]) {
    expect(errorOf(() => parseServerOptions({ path: path as never })).message).toBe(
      'invalid option: path must be a string',
    );
  }
  for (const path of ['/chat?room=1', '/#top', '/{room}']) {
    expect(errorOf(() => parseServerOptions({ path })).message).toMatch(
      /^invalid option: path must not contain ".": write %[0-9A-F]{2} for the character itself$/,
    );
  }
});

test('wrong origins, hosts and trustedProxies are refused at the call', () => {
  const fine = { origins: ['https://a.example'], hosts: ['a.example'], trustedProxies: ['10.0.0.0/8', '::1'] };
  expect(parseServerOptions(fine).limits).toEqual(parseServerOptions({}).limits);
  expect(errorOf(() => parseServerOptions({ origins: ['a.example'] }).limits).message).toBe(
    'invalid option: origins must hold origins such as "https://example.com:8443", without path and without "*"; received "a.example"',
  );
  expect(errorOf(() => parseServerOptions({ origins: ['*'] })).message).toMatch(
    /: write origins: '\*' without brackets$/,
  );
  expect(errorOf(() => parseServerOptions({ origins: 'https://a.example' as '*' }).limits).message).toBe(
    'invalid option: origins must be "*", an array of origins such as "https://example.com", or a function',
  );
  expect(errorOf(() => parseServerOptions({ hosts: ['http://a.example'] }).limits).message).toMatch(
    /^invalid option: hosts must hold names .*received "http:\/\/a\.example"$/,
  );
  expect(errorOf(() => parseServerOptions({ hosts: '*' as never }).limits).message).toBe(
    'invalid option: hosts must be an array of hosts such as "example.com"; leave it out for all',
  );
  expect(errorOf(() => parseServerOptions({ trustedProxies: ['10.0.0.0/33'] }).limits).code).toBe('ERR_INVALID_OPTION');
});

test('a subprotocol that marks a token is refused for a server and allowed for a client', () => {
  expect(errorOf(() => parseServerOptions({ protocols: ['chat', 'bearer.x'] }).limits).message).toBe(
    'invalid option: protocols of a server must not begin with "bearer.", which marks a token',
  );
  expect(parseClientOptions({ protocols: ['chat', 'bearer.x'] }).limits.protocols).toEqual(['chat', 'bearer.x']);
});

test('a server of node:http2 is taken where it also speaks HTTP/1.1', () => {
  for (const webServer of [createHttp2Server(), createHttp2SecureServer({ allowHTTP1: false })]) {
    expect(errorOf(() => parseServerOptions({ webServer }).limits).message).toBe(
      'invalid option: webServer must speak HTTP/1.1: create the server of node:http2 with ' +
        'createSecureServer({ allowHTTP1: true })',
    );
  }
});

test('a webServer that is none is refused', () => {
  for (const webServer of [new WebServer(), createServer(), createHttp2SecureServer({ allowHTTP1: true }), null])
    expect(parseServerOptions({ webServer }).limits).toEqual(serverDefaults);
  for (const webServer of ['http', 8080, {}, { on() {} }]) {
    const error = errorOf(() => parseServerOptions({ webServer: webServer as never }).limits);
    expect(error.code).toBe('ERR_INVALID_OPTION');
    expect(error.message).toBe(
      'invalid option: webServer must be a WebServer, a server of node:http or node:https, or null',
    );
  }
  expect(errorOf(() => parseServerOptions({ webServer: express() as never })).message).toMatch(
    /or null; of an Express app, pass what createServer\(app\) returns$/,
  );
});
