import { constants } from 'node:buffer';
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { parseClientOptions, type WebSocketOptions } from '../../src/client/client-options.ts';
import { parseServerOptions, type WebSocketServerOptions } from '../../src/server/server-options.ts';
import { errorOf } from '../helpers/error-of.ts';

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
  borrowed: false,
  compression: undefined,
  protocols: [],
  warnings: true,
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
  ['client', 'HTCL', (options: object): unknown => parseClientOptions(options).limits, commonDefaults],
  ['server', 'HTTP', (options: object): unknown => parseServerOptions(options).limits, serverDefaults],
] as const;

describe.each(sides)('of a %s', (side, componentSignature, check, defaults) => {
  test('bufferPolicy accepts its three values only', () => {
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

  test('borrowed accepts its three values only', () => {
    const form = { dataType: 'blob' } as const;
    for (const borrowed of [false, true, 'poison']) {
      expect(check(side === 'server' ? { ...form, borrowed } : { borrowed })).toEqual({ ...defaults, borrowed });
    }
    for (const borrowed of ['', 'true', null, 0, 1]) {
      expect(errorOf(() => check({ borrowed }))).toMatchObject({
        code: 'ERR_INVALID_OPTION',
        componentSignature,
        message: 'invalid option: borrowed must be true, false or "poison"',
      });
    }
  });

  test('has the defaults when no option is passed', () => {
    expect(check({})).toEqual(defaults);
    expect(check(Object.fromEntries(Object.keys(defaults).map((name) => [name, undefined])))).toEqual(defaults);
  });

  test('returns a frozen copy', () => {
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
  ] as const)('%s accepts whole numbers within its range only', (name, max) => {
    for (const value of [1, 2, 12_345, max]) expect(check({ [name]: value })).toEqual({ ...defaults, [name]: value });
    const range = max === Infinity ? '1 or more, or Infinity' : `from 1 to ${max}`;
    const tooMuch = max === Infinity ? [Number.MAX_SAFE_INTEGER + 1] : [max + 1, Infinity];
    for (const value of [0, -1, 1.5, NaN, -Infinity, '5', null, true, 5n, {}, ...tooMuch]) {
      const error = errorOf(() => check({ [name]: value }));
      expect(error.code).toBe('ERR_INVALID_OPTION');
      expect(error.errCode).toBe(-20_008);
      expect(error.componentSignature).toBe(componentSignature);
      expect(error.message).toContain(`invalid option: ${name} must be a whole number, ${range}; received `);
    }
  });

  test('protocols accepts HTTP tokens, each once', () => {
    expect(check({ protocols: ['chat', 'v1.chat'] })).toMatchObject({ protocols: ['chat', 'v1.chat'] });
    for (const protocols of ['chat', [''], ['a b'], ['a,b'], ['a\r\nX: y'], ['é'], [5], [null], {}]) {
      const error = errorOf(() => check({ protocols }));
      expect(error.code).toBe('ERR_INVALID_OPTION');
      expect(error.message).toBe("invalid option: protocols must be an array of HTTP tokens, such as ['chat']");
    }
    expect(errorOf(() => check({ protocols: ['a', 'b', 'a'] })).message).toBe(
      'invalid option: protocols must not hold a name twice',
    );
  });

  test('names an unknown option in the error', () => {
    expect(errorOf(() => check({ maxMessageByte: 5 })).message).toBe(
      'invalid option: there is no option "maxMessageByte": did you mean "maxMessageBytes"?',
    );
    expect(errorOf(() => check({ toString: 5 })).message).toBe('invalid option: there is no option "toString"');
    expect(errorOf(() => check(JSON.parse('{"__proto__":{"maxFragments":5}}') as object)).message).toBe(
      'invalid option: there is no option "__proto__"',
    );
  });

  test.each([
    [null, 'null'],
    ['text', 'a text'],
    [5, '5'],
    [true, 'true'],
    [['chat'], 'an array'],
  ])('refuses %j as options', (options, received) => {
    const error = errorOf(() => check(options as never));
    expect(error.message).toBe(`invalid option: options must be an object; received ${received}`);
    expect(error.componentSignature).toBe(componentSignature);
  });
});

test('refuses the options of the other side', () => {
  expect(errorOf(() => parseClientOptions({ path: '/' } as WebSocketOptions).limits).message).toBe(
    'invalid option: there is no option "path": use the path of the URL',
  );
  expect(errorOf(() => parseServerOptions({ tls: {} } as WebSocketServerOptions).limits).message).toBe(
    'invalid option: there is no option "tls": use WebSocketServer.serve(handler, { tls: { key, cert } })',
  );
  expect(errorOf(() => parseClientOptions({ maxConnections: 5 } as WebSocketOptions).limits).message).toBe(
    'invalid option: there is no option "maxConnections"',
  );
  expect(parseClientOptions({ tls: { rejectUnauthorized: true } }).limits).toEqual(commonDefaults);
  expect(parseServerOptions({ path: '/', dataType: 'blob', webServer: createServer() }).limits).toEqual(serverDefaults);
});

test.each([
  ['text', 'a string'],
  ['object', 'an object'],
] as const)('borrowed cannot be had with dataType "%s"', (dataType, form) => {
  for (const borrowed of [true, 'poison'] as const) {
    expect(errorOf(() => parseServerOptions({ dataType, borrowed }))).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      componentSignature: 'HTTP',
      message: `invalid option: borrowed needs dataType "blob" or "auto": with "${dataType}" a message is ${form}, which has no bytes to lend`,
    });
  }
  expect(parseServerOptions({ dataType, borrowed: false }).limits.borrowed).toBe(false);
});

test('clients with the same limits share one object only when they borrow alike', () => {
  const [one, same, other] = [true, true, false].map((borrowed) => parseClientOptions({ borrowed }).limits);
  expect([one === same, one === other]).toEqual([true, false]);
});
