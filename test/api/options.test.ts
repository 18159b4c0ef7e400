import { constants } from 'node:buffer';
import { createServer } from 'node:http';
import express from 'express';
import { describe, expect, test } from 'vitest';
import {
  type CheckedOptions,
  checkClientOptions,
  checkDataType,
  checkServerOptions,
  type WebSocketOptions,
  type WebSocketServerOptions,
} from '../../src/api/options.ts';
import { WebServer } from '../../src/api/web-server.ts';
import { FourDError } from '../../src/errors.ts';

const commonDefaults = {
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 10_000,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 20_000,
  incompleteMessageTimeoutMs: 30_000,
  maxControlFramesPerSecond: 60,
  maxMessagesPerSecond: Infinity,
  maxBytesPerSecond: Infinity,
  maxMessageBytes: 1_048_576,
  maxFragments: 1024,
  maxWaitingMessages: 16,
  maxBufferedBytes: 16_777_216,
  bufferPolicy: 'close',
  compression: undefined,
  protocols: [],
};

const serverDefaults = {
  ...commonDefaults,
  maxConnections: Infinity,
  maxConnectionsPerAddress: Infinity,
  maxPendingHandshakes: Infinity,
};

const serverLimits = [
  ['maxConnections', Infinity],
  ['maxConnectionsPerAddress', Infinity],
  ['maxPendingHandshakes', Infinity],
] as const;

const sides = [
  ['client', 'HTCL', checkClientOptions as (options: object) => unknown, commonDefaults],
  ['server', 'HTTP', checkServerOptions as (options: object) => unknown, serverDefaults],
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

describe.each(sides)('of a %s', (side, componentSignature, check, defaults) => {
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
    ['pingIntervalMs', Infinity],
    ['pongTimeoutMs', Infinity],
    ['incompleteMessageTimeoutMs', Infinity],
    ['maxControlFramesPerSecond', Infinity],
    ['maxMessagesPerSecond', Infinity],
    ['maxBytesPerSecond', Infinity],
    ['maxMessageBytes', constants.MAX_STRING_LENGTH],
    ['maxFragments', Infinity],
    ['maxWaitingMessages', Infinity],
    ['maxBufferedBytes', Infinity],
    ...(side === 'server' ? serverLimits : []),
  ] as const)('%s takes whole numbers of its range and nothing else', (name, max) => {
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
  expect(errorOf(() => checkClientOptions({ maxConnections: 5 } as WebSocketOptions)).message).toBe(
    'invalid option: there is no option "maxConnections"',
  );
  expect(checkClientOptions({ tls: { rejectUnauthorized: true } })).toEqual(commonDefaults);
  expect(checkServerOptions({ path: '/', dataType: 'blob', webServer: createServer() })).toEqual(serverDefaults);
});

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

test('dataType is one of three', () => {
  expect(checkDataType(undefined, 'HTTP')).toBe('text');
  for (const dataType of ['text', 'blob', 'object'] as const) {
    expect(checkDataType(dataType, 'HTTP')).toBe(dataType);
    expect(checkServerOptions({ dataType })).toEqual(serverDefaults);
  }
  for (const dataType of ['json', 'Text', '', null, 5]) {
    const error = errorOf(() => checkDataType(dataType, 'HTCL'));
    expect(error.code).toBe('ERR_INVALID_DATA_TYPE');
    expect(error.componentSignature).toBe('HTCL');
    expect(error.message).toBe('invalid dataType: it must be "text", "blob" or "object"');
    expect(errorOf(() => checkServerOptions({ dataType: dataType as 'text' })).componentSignature).toBe('HTTP');
  }
});

describe.each(sides)('compression of a %s', (_, componentSignature, check) => {
  const good = {
    thresholdBytes: 1024,
    level: 3,
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const compressionOf = (compression: unknown): unknown => (check({ compression }) as CheckedOptions).compression;

  test('is off unless asked for, and has good settings then', () => {
    for (const value of [undefined, false]) expect(compressionOf(value)).toBeUndefined();
    for (const value of [true, {}, { level: undefined }]) expect(compressionOf(value)).toEqual(good);
  });

  test('the result is frozen, and a copy', () => {
    const options = { level: 9 };
    const checked = compressionOf(options);
    options.level = 1;
    expect(checked).toEqual({ ...good, level: 9 });
    expect(Object.isFrozen(checked)).toBe(true);
  });

  test.each([
    ['thresholdBytes', [0, 1, 5000, Infinity], [-1, 1.5, NaN, '5', null], '0 or more, or Infinity'],
    ['level', [1, 9], [0, 10, -1, 2.5, Infinity, '3', null, true], 'from 1 to 9'],
    ['serverMaxWindowBits', [9, 15], [7, 16, 9.5, Infinity, '9', null, false], 'from 8 to 15'],
    ['clientMaxWindowBits', [9, 15], [7, 16, 9.5, Infinity, '9', null, true], 'from 8 to 15'],
  ])('%s takes whole numbers of its range and nothing else', (name, values, wrongValues, range) => {
    for (const value of values) expect(compressionOf({ [name]: value })).toEqual({ ...good, [name]: value });
    for (const value of wrongValues) {
      const error = errorOf(() => compressionOf({ [name]: value }));
      expect(error.code).toBe('ERR_INVALID_OPTION');
      expect(error.componentSignature).toBe(componentSignature);
      expect(error.message).toBe(`invalid option: compression.${name} must be a whole number, ${range}`);
    }
  });

  test.each(['serverMaxWindowBits', 'clientMaxWindowBits'])('%s of 8 is 9, the smallest of zlib', (name) => {
    expect(compressionOf({ [name]: 8 })).toEqual({ ...good, [name]: 9 });
  });

  test.each(['serverNoContextTakeover', 'clientNoContextTakeover'])('%s is true or false', (name) => {
    for (const value of [true, false]) expect(compressionOf({ [name]: value })).toEqual({ ...good, [name]: value });
    for (const value of [0, 1, 'true', null]) {
      expect(errorOf(() => compressionOf({ [name]: value })).message).toBe(
        `invalid option: compression.${name} must be true or false`,
      );
    }
  });

  test('anything else is refused', () => {
    for (const value of [0, 1, 'on', null, Symbol('on')]) {
      expect(errorOf(() => compressionOf(value)).message).toBe(
        'invalid option: compression must be true, false or an object',
      );
    }
    for (const name of ['threshold', 'toString', 'zlibDeflateOptions']) {
      expect(errorOf(() => compressionOf({ [name]: 1 })).message).toBe(
        `invalid option: there is no option "compression.${name}"`,
      );
    }
    expect(errorOf(() => compressionOf(JSON.parse('{"__proto__":5}'))).message).toBe(
      'invalid option: there is no option "compression.__proto__"',
    );
  });
});
