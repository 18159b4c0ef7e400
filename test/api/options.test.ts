import { constants } from 'node:buffer';
import { createServer } from 'node:http';
import express from 'express';
import { describe, expect, test } from 'vitest';
import {
  checkClientOptions,
  checkDataType,
  checkServerOptions,
  type WebSocketOptions,
  type WebSocketServerOptions,
} from '../../src/api/options.ts';
import { WebServer } from '../../src/api/web-server.ts';
import { FourDError } from '../../src/errors.ts';

const defaults = {
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 10_000,
  maxMessageBytes: 1_048_576,
  maxFragments: 1024,
  maxWaitingMessages: 16,
  maxBufferedBytes: 16_777_216,
  bufferPolicy: 'close',
  compression: undefined,
  protocols: [],
};

const sides = [
  ['client', 'HTCL', checkClientOptions as (options: object) => unknown],
  ['server', 'HTTP', checkServerOptions as (options: object) => unknown],
] as const;

function errorOf(act: () => unknown): FourDError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(FourDError);
    return error as FourDError;
  }
  throw new Error('nothing was thrown');
}

describe.each(sides)('of a %s', (_, componentSignature, check) => {
  test('bufferPolicy is one of three', () => {
    for (const bufferPolicy of ['close', 'drop-newest', 'drop-oldest']) {
      expect(check({ bufferPolicy })).toEqual({ ...defaults, bufferPolicy });
    }
    for (const bufferPolicy of ['', 'drop', null, 1]) {
      expect(errorOf(() => check({ bufferPolicy }))).toMatchObject({
        code: 'ERR_INVALID_OPTION',
        componentSignature,
        message: 'invalid option: bufferPolicy must be one of close, drop-newest, drop-oldest',
      });
    }
  });

  test('without any, the defaults hold', () => {
    expect(check({})).toEqual(defaults);
    expect(check(Object.fromEntries(Object.keys(defaults).map((name) => [name, undefined])))).toEqual(defaults);
  });

  test('the result is frozen, and a copy', () => {
    const protocols = ['chat'];
    const checked = check({ protocols }) as { protocols: readonly string[] };
    protocols.push('late');
    expect(checked.protocols).toEqual(['chat']);
    expect(Object.isFrozen(checked)).toBe(true);
    expect(Object.isFrozen(checked.protocols)).toBe(true);
  });

  test.each([
    ['handshakeTimeoutMs', Infinity],
    ['closeTimeoutMs', Infinity],
    ['maxMessageBytes', constants.MAX_STRING_LENGTH],
    ['maxFragments', Infinity],
    ['maxWaitingMessages', Infinity],
    ['maxBufferedBytes', Infinity],
  ])('%s takes whole numbers of its range and nothing else', (name, max) => {
    for (const value of [1, 2, 12_345, max]) expect(check({ [name]: value })).toEqual({ ...defaults, [name]: value });
    const range = max === Infinity ? '1 or more, or Infinity' : `from 1 to ${max}`;
    const tooMuch = max === Infinity ? [Number.MAX_SAFE_INTEGER + 1] : [max + 1, Infinity];
    for (const value of [0, -1, 1.5, NaN, -Infinity, '5', null, true, 5n, {}, ...tooMuch]) {
      const error = errorOf(() => check({ [name]: value }));
      expect(error.code).toBe('ERR_INVALID_OPTION');
      expect(error.errCode).toBe(-20_008);
      expect(error.componentSignature).toBe(componentSignature);
      expect(error.message).toBe(`invalid option: ${name} must be a whole number, ${range}`);
    }
  });

  test('protocols takes HTTP tokens, each once', () => {
    expect(check({ protocols: ['chat', 'v1.chat'] })).toMatchObject({ protocols: ['chat', 'v1.chat'] });
    for (const protocols of ['chat', [''], ['a b'], ['a,b'], ['a\r\nX: y'], ['é'], [5], [null], {}]) {
      const error = errorOf(() => check({ protocols }));
      expect(error.code).toBe('ERR_INVALID_OPTION');
      expect(error.message).toBe('invalid option: protocols must be an array of HTTP tokens');
    }
    expect(errorOf(() => check({ protocols: ['a', 'b', 'a'] })).message).toBe(
      'invalid option: protocols holds a name twice',
    );
  });

  test('an option that is not known is named', () => {
    expect(errorOf(() => check({ maxMessageByte: 5 })).message).toBe(
      'invalid option: there is no option "maxMessageByte"',
    );
    expect(errorOf(() => check({ toString: 5 })).message).toBe('invalid option: there is no option "toString"');
    expect(errorOf(() => check(JSON.parse('{"__proto__":{"maxFragments":5}}') as object)).message).toBe(
      'invalid option: there is no option "__proto__"',
    );
  });

  test.each([null, 'text', 5, true])('%j is no options object', (options) => {
    const error = errorOf(() => check(options as never));
    expect(error.message).toBe('invalid option: options must be an object');
    expect(error.componentSignature).toBe(componentSignature);
  });
});

test('the options of one side are not known to the other', () => {
  expect(errorOf(() => checkClientOptions({ path: '/' } as WebSocketOptions)).message).toBe(
    'invalid option: there is no option "path"',
  );
  expect(errorOf(() => checkServerOptions({ tls: {} } as WebSocketServerOptions)).message).toBe(
    'invalid option: there is no option "tls"',
  );
  expect(checkClientOptions({ tls: { rejectUnauthorized: true } })).toEqual(defaults);
  expect(checkServerOptions({ path: '/', dataType: 'blob', webServer: createServer() })).toEqual(defaults);
});

test('path is a text that a request can have', () => {
  for (const path of ['', '/', 'chat', '/a/b', '/caf%C3%A9']) expect(checkServerOptions({ path })).toEqual(defaults);
  for (const path of [5, null, true, ['/'], '/chat?room=1', '/#top']) {
    expect(errorOf(() => checkServerOptions({ path: path as string })).message).toBe(
      'invalid option: path must be a text without query or fragment',
    );
  }
});

test('webServer is a web server', () => {
  for (const webServer of [new WebServer(), createServer()])
    expect(checkServerOptions({ webServer })).toEqual(defaults);
  for (const webServer of [null, 'http', 8080, {}, { on() {} }, express()]) {
    const error = errorOf(() => checkServerOptions({ webServer: webServer as never }));
    expect(error.code).toBe('ERR_INVALID_OPTION');
    expect(error.message).toBe('invalid option: webServer must be a WebServer, or a server of node:http or node:https');
  }
});

test('dataType is one of three', () => {
  expect(checkDataType(undefined, 'HTTP')).toBe('text');
  for (const dataType of ['text', 'blob', 'object'] as const) {
    expect(checkDataType(dataType, 'HTTP')).toBe(dataType);
    expect(checkServerOptions({ dataType })).toEqual(defaults);
  }
  for (const dataType of ['json', 'Text', '', null, 5]) {
    const error = errorOf(() => checkDataType(dataType, 'HTCL'));
    expect(error.code).toBe('ERR_INVALID_DATA_TYPE');
    expect(error.componentSignature).toBe('HTCL');
    expect(error.message).toBe('invalid dataType: it must be "text", "blob" or "object"');
    expect(errorOf(() => checkServerOptions({ dataType: dataType as 'text' })).componentSignature).toBe('HTTP');
  }
});
