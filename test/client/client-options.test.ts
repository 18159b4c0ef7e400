import { describe, expect, test } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';

describe('parseClientOptions', () => {
  test('keeps the options that only a client has out of the limits', () => {
    const own = {
      tls: { rejectUnauthorized: true },
      reconnect: true,
      signal: new AbortController().signal,
      proxy: 'environment',
      followRedirects: 3,
    };
    expect(parseClientOptions(own).limits).toEqual(parseClientOptions({}).limits);
  });

  test.each<[given: object, connectTimeoutMs: number]>([
    [{}, Infinity],
    [{ reconnect: false }, Infinity],
    [{ reconnect: true }, 60_000],
    [{ reconnect: {}, connectTimeoutMs: undefined }, 60_000],
    [{ reconnect: true, connectTimeoutMs: Infinity }, Infinity],
    [{ connectTimeoutMs: 5 }, 5],
  ])('%j bounds the time to the first connection by %d ms', (given, connectTimeoutMs) => {
    expect(parseClientOptions(given).connectTimeoutMs).toBe(connectTimeoutMs);
  });

  test('returns one shared object for equal options, and another for different ones', () => {
    const first = parseClientOptions({ maxMessageBytes: 1000 }).limits;
    expect(parseClientOptions({ maxMessageBytes: 1000, maxFragments: 1024 }).limits).toBe(first);
    const others = [
      { maxMessageBytes: 1001 },
      { maxMessageBytes: 1000, bufferPolicy: 'drop-oldest' },
      { maxMessageBytes: 1000, compression: true },
      { maxMessageBytes: 1000, protocols: ['chat'] },
      { maxMessageBytes: 1000 },
    ] as const;
    const checked = others.map((options) => parseClientOptions(options).limits);
    expect(new Set([first, ...checked]).size).toBe(6);
    checked.forEach((each, i) =>
      expect(each).toMatchObject({ protocols: [], ...others[i], compression: each.compression }),
    );
    expect(checked.map(({ compression }) => compression !== undefined)).toEqual([false, false, true, false, false]);
  });

  test('reads options that are objects each time', () => {
    const protocols = ['a'];
    expect(parseClientOptions({ protocols }).limits.protocols).toEqual(['a']);
    protocols.push('b');
    expect(parseClientOptions({ protocols }).limits.protocols).toEqual(['a', 'b']);
    expect(parseClientOptions({}).limits.protocols).toEqual([]);
    const compression = { level: 1 };
    expect(parseClientOptions({ compression }).limits.compression?.level).toBe(1);
    compression.level = 2;
    expect(parseClientOptions({ compression }).limits.compression?.level).toBe(2);
    expect(parseClientOptions({}).limits.compression).toBeUndefined();
  });

  test('refuses the options that only a server has', () => {
    for (const name of ['path', 'dataType', 'hosts', 'origins', 'trustedProxies', 'webServer', 'maxConnections']) {
      expect(() => parseClientOptions({ [name]: undefined }).limits).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_OPTION',
          message: expect.stringContaining(`invalid option: there is no option "${name}"`) as string,
        }),
      );
    }
  });
});

describe('the option signal', () => {
  test.each([null, 5, {}, new AbortController()])('refuses %s', (signal) => {
    expect(() => parseClientOptions({ signal: signal as AbortSignal })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
  });

  test('accepts a signal, and is optional', () => {
    const { signal } = new AbortController();
    expect(parseClientOptions({ signal }).signal?.isAborted).toBe(false);
    expect(parseClientOptions({ signal: AbortSignal.abort(1) }).signal).toMatchObject({ isAborted: true, reason: 1 });
    expect(parseClientOptions({}).signal).toBeUndefined();
  });
});
