import { describe, expect, test } from 'vitest';
import { OriginRule } from '../../src/server/origins.ts';
import type { RequestInfo } from '../../src/server/request-info.ts';

interface From {
  readonly origin?: string | readonly string[];
  readonly host?: string;
  readonly isSecure?: boolean;
}

function requestFrom(origin: string | readonly string[] | undefined): RequestInfo {
  return {
    url: '/',
    query: {},
    params: {},
    headers: origin === undefined ? {} : { origin },
    remoteAddress: '192.0.2.1',
  };
}

function isAllowed(origins: unknown, { origin, host = 'example.com', isSecure = false }: From): boolean {
  const refusal = new OriginRule(origins).check(requestFrom(origin), {
    address: '192.0.2.1',
    host,
    isSecure,
    isLocal: false,
  });
  if (refusal !== undefined) expect(refusal.status).toBe(403);
  return refusal === undefined;
}

describe('by default only pages of the same host connect', () => {
  test.each<[origin: string, host: string]>([
    ['http://example.com', 'example.com'],
    ['https://example.com', 'example.com'],
    ['https://example.com', 'example.com:443'],
    ['https://example.com:443', 'example.com'],
    ['http://example.com', 'example.com:80'],
    ['http://localhost:8080', 'localhost:8080'],
    ['https://localhost:8443', 'localhost:8443'],
    ['http://EXAMPLE.com', 'Example.COM'],
    ['http://[::1]:8080', '[::1]:8080'],
    ['http://[::1]', '[::1]'],
    ['http://127.0.0.1:1', '127.0.0.1:1'],
    ['http://xn--bcher-kva.example', 'bücher.example'],
    ['http://BÜCHER.example', 'xn--bcher-kva.example'],
    ['http://b\xc3\xbccher.example', 'b\xfccher.example'],
    ['http://[0:0::1]:8080', '[::1]:8080'],
    ['http://example.com', 'example.com:'],
  ])('%s connects to %s', (origin, host) => {
    expect(isAllowed(undefined, { origin, host })).toBe(true);
  });

  test.each<[origin: string, host: string]>([
    ['http://evil.example', 'example.com'],
    ['http://example.com.evil.example', 'example.com'],
    ['http://evil-example.com', 'example.com'],
    ['http://sub.example.com', 'example.com'],
    ['http://example.com', 'sub.example.com'],
    ['http://example.com:8080', 'example.com'],
    ['http://example.com', 'example.com:8080'],
    ['http://example.com:80', 'example.com:443'],
    ['https://example.com:80', 'example.com'],
    ['http://localhost:3000', 'localhost:8080'],
    ['http://localhost', '127.0.0.1'],
    ['null', 'example.com'],
    ['null', 'null'],
    ['', 'example.com'],
    ['', ''],
    ['http://', ''],
    ['example.com', 'example.com'],
    ['//example.com', 'example.com'],
    ['file://', 'example.com'],
    ['ftp://example.com', 'example.com'],
    ['chrome-extension://example.com', 'example.com'],
    ['httpsx://example.com', 'example.com'],
    ['http://example.com//', 'example.com'],
    ['http://example.com/path', 'example.com'],
    ['http://user@example.com', 'example.com'],
    ['http://example.com@evil.example', 'example.com@evil.example'],
    ['http://example.com, http://evil.example', 'example.com'],
    ['http://evil.example http://example.com', 'example.com'],
    ['http://example.com:', 'example.com'],
    ['http://example.com:080', 'example.com'],
    ['http://example.com:8o', 'example.com:8o'],
    ['http://[::1', '[::1'],
    ['http://[::1]x', '[::1]x'],
    ['http://example.com', ''],
    ['http://example.com', 'example.com/'],
    ['http://bücher.example', 'bucher.example'],
    ['http://xn--bcher-kva.example', 'xn--bcher-kva.evil.example'],
    ['http://bücher.example:8080', 'bücher.example'],
    ['http://ex%61mple.com', 'example.com'],
  ])('%j does not connect to %j', (origin, host) => {
    expect(isAllowed(undefined, { origin, host })).toBe(false);
  });

  test.each([
    ['example.com', 'example.com'],
    ['example.com:443', 'example.com'],
    ['example.com', 'example.com:443'],
    ['example.com:8443', 'example.com:8443'],
    ['example.com:80', 'example.com:80'],
  ])('over TLS, a page on %s connects to %s only if it was loaded with TLS', (page, host) => {
    for (const scheme of ['https', 'HTTPS', 'wss']) {
      expect(isAllowed(undefined, { origin: `${scheme}://${page}`, host, isSecure: true })).toBe(true);
    }
    for (const scheme of ['http', 'HTTP', 'ws', 'httpsx']) {
      expect(isAllowed(undefined, { origin: `${scheme}://${page}`, host, isSecure: true })).toBe(false);
    }
  });

  test.each([
    ['example.com:80', 'example.com'],
    ['example.com', 'example.com:8443'],
    ['example.com:8443', 'example.com'],
    ['evil.example', 'example.com'],
  ])('over TLS, a page on %s does not connect to %s', (page, host) => {
    expect(isAllowed(undefined, { origin: `https://${page}`, host, isSecure: true })).toBe(false);
  });

  test('the answer says why and what to set, and repeats nothing that the peer sent', () => {
    const refusal = new OriginRule(undefined).check(requestFrom('http://evil.example'), {
      address: '',
      host: 'example.com',
      isSecure: false,
      isLocal: false,
    });
    expect(refusal?.reason).toBe(
      'this origin is not allowed: the page does not come from the host that it connects to. ' +
        'To allow it, add it to the server\'s option "origins".',
    );
  });
});

test('a client without Origin is allowed by every rule', () => {
  for (const origins of [undefined, '*', [], ['https://a.example'], () => false]) {
    expect(isAllowed(origins, {})).toBe(true);
  }
});

test('a repeated Origin is refused, also by a function that would allow it', () => {
  const origin = ['http://example.com', 'http://example.com'];
  for (const origins of [undefined, [], ['http://example.com'], () => true]) {
    expect(isAllowed(origins, { origin })).toBe(false);
  }
});

test('"*" allows every page', () => {
  for (const origin of ['http://evil.example', 'null', '', 'nonsense']) expect(isAllowed('*', { origin })).toBe(true);
});

describe('a list', () => {
  const list = ['https://a.example', 'HTTP://B.example:8080', 'http://c.example:80', 'app://shell'];
  test.each(['https://a.example', 'https://a.example:443', 'http://b.example:8080', 'http://c.example', 'app://shell'])(
    'holds %s',
    (origin) => expect(isAllowed(list, { origin })).toBe(true),
  );
  test.each([
    'http://a.example',
    'https://a.example:8443',
    'https://sub.a.example',
    'https://a.example.evil.example',
    'http://b.example',
    'null',
    '',
    'https://a.example//',
  ])('does not hold %j', (origin) => expect(isAllowed(list, { origin })).toBe(false));

  test.each([
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://BÜCHER.example:8443', 'https://xn--bcher-kva.example:8443'],
    ['https://xn--bcher-kva.example', 'https://bücher.example'],
    ['https://xn--bcher-kva.example', 'https://b\xc3\xbccher.example'],
    ['https://例え.jp', 'https://xn--r8jz45g.jp'],
    ['http://[2001:DB8:0::1]', 'http://[2001:db8::1]'],
  ])('with the international name or the long address %s holds %j', (listed, origin) => {
    expect(isAllowed([listed], { origin })).toBe(true);
    expect(isAllowed([listed], { origin: `${origin}.evil.example` })).toBe(false);
    expect(isAllowed([listed], { origin: `${origin}:1` })).toBe(false);
  });

  test('does not include the own host unless it names it', () => {
    expect(isAllowed(list, { origin: 'http://example.com' })).toBe(false);
    expect(isAllowed([], { origin: 'http://example.com' })).toBe(false);
  });

  test('is copied', () => {
    const origins = ['https://a.example'];
    const rule = new OriginRule(origins);
    origins.push('https://late.example');
    const facts = { address: '', host: 'h', isSecure: false, isLocal: false };
    expect(rule.check(requestFrom('https://late.example'), facts)?.status).toBe(403);
  });
});

describe('a function', () => {
  test('is given the origin as it came, and the request', () => {
    const seen: unknown[] = [];
    const origins = (...parameters: unknown[]): boolean => {
      seen.push(...parameters);
      return parameters[0] === 'null';
    };
    expect(isAllowed(origins, { origin: 'null' })).toBe(true);
    expect(isAllowed(origins, { origin: 'HTTP://A' })).toBe(false);
    expect(seen).toEqual(['null', requestFrom('null'), 'HTTP://A', requestFrom('HTTP://A')]);
  });

  test.each<() => unknown>([
    () => undefined,
    () => null,
    () => 1,
    () => 'yes',
    () => ({}),
    () => Promise.resolve(true),
    () => Promise.reject(new Error('no')),
  ])('that returns no boolean is an error: %s', (origins) => {
    expect(() => isAllowed(origins, { origin: 'http://a' })).toThrow(
      'invalid option: origins must return true or false; decide asynchronously in onConnection',
    );
  });

  test('that throws is named in the error', () => {
    expect(() =>
      isAllowed(
        () => {
          throw new Error('no database');
        },
        { origin: 'http://a' },
      ),
    ).toThrow('origins failed: no database');
  });
});

test.each([
  null,
  '',
  'https://a.example',
  5,
  true,
  {},
  [5],
  ['*'],
  ['null'],
  ['a.example'],
  ['https://*.example'],
  ['https://a.example/'],
  ['https://'],
  ['https://a.example', ''],
  ['https://bü cher.example'],
  ['https://[a]'],
])('the option %j is refused', (origins) => {
  expect(() => new OriginRule(origins)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_OPTION', componentSignature: 'HTTP' }),
  );
});
