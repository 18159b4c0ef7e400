import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { ClientFacts } from '../../src/server/direct-client.ts';
import { TrustedProxies } from '../../src/server/trusted-proxies.ts';

interface Request {
  readonly from?: string;
  readonly encrypted?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

function clientOf(trusted: unknown, { from = '10.0.0.1', encrypted, headers = {} }: Request): ClientFacts | undefined {
  const socket = { remoteAddress: from, encrypted } as unknown as Duplex;
  return new TrustedProxies(trusted).clientOf({ headers: { host: 'inner', ...headers } }, socket);
}

function addressOf(trusted: unknown, forwardedFor: string, from?: string): string | undefined {
  const headers = { 'x-forwarded-for': forwardedFor };
  return clientOf(trusted, { headers, ...(from !== undefined && { from }) })?.address;
}

const PRIVATE = ['10.0.0.0/8', 'fd00::/8'];

function clientOfBoth(forwarded: string): ClientFacts | undefined {
  return clientOf(PRIVATE, { headers: { forwarded, 'x-forwarded-for': '192.0.2.1' } });
}

function seenHost(headers: Readonly<Record<string, string>>): unknown {
  const { host, isSecure } = clientOf(PRIVATE, { headers })!;
  return [host, isSecure];
}

describe('headers are ignored without trusted proxies', () => {
  const headers = {
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    forwarded: 'for=192.0.2.1;host=evil.example;proto=https',
  };
  test.each([
    ['option not set', undefined],
    ['an empty list', []],
    ['a list of other proxies', ['10.0.0.2', '192.0.2.0/24', 'fd00::/8']],
  ])('%s', (_, trusted) => {
    expect(clientOf(trusted, { headers })).toEqual({
      address: '10.0.0.1',
      host: 'inner',
      isSecure: false,
      isLocal: false,
    });
  });

  test('even when they are malformed', () => {
    expect(clientOf(['10.0.0.2'], { headers: { forwarded: 'for="' } })?.address).toBe('10.0.0.1');
  });
});

describe('X-Forwarded-For', () => {
  test.each([
    ['one proxy', '192.0.2.1', '192.0.2.1'],
    ['addresses that the client sent stand in front', '6.6.6.6, 127.0.0.1, 192.0.2.1', '192.0.2.1'],
    ['a chain of proxies', '6.6.6.6, 192.0.2.1, 10.0.0.3, 10.0.0.2', '192.0.2.1'],
    ['a client behind the proxies’ own network', '10.0.0.9, 10.0.0.2', '10.0.0.9'],
    ['IPv6', '2001:DB8::1, fd00::2', '2001:db8::1'],
    ['ports', '192.0.2.1:5678, [fd00::2]:99', '192.0.2.1'],
    ['brackets', '[2001:db8::1]', '2001:db8::1'],
    ['IPv4 in IPv6', '::FFFF:192.0.2.1', '192.0.2.1'],
    ['blanks', ' \t192.0.2.1\t', '192.0.2.1'],
    ['an element that is no address', 'unknown', ''],
    ['an element that is no address behind another', '192.0.2.1, unknown', ''],
    ['empty', '', ''],
    ['an empty element', '192.0.2.1,', ''],
    ['nonsense', `${'1'.repeat(100)}.2.3.4`, ''],
    ['half an IPv4 address', '192.0.2', ''],
    ['an unclosed bracket', '[2001:db8::1', ''],
  ])('%s: %s', (_, header, address) => {
    expect(addressOf(PRIVATE, header)).toBe(address);
  });

  test('without the header the address is the proxy’s', () => {
    expect(clientOf(PRIVATE, {})?.address).toBe('10.0.0.1');
  });

  test('a very long chain is read once', () => {
    expect(addressOf(PRIVATE, `6.6.6.6,${'10.0.0.1,'.repeat(20_000)}10.0.0.1`)).toBe('6.6.6.6');
  });
});

describe('Forwarded', () => {
  test.each([
    ['for=192.0.2.1', '192.0.2.1'],
    ['for=6.6.6.6, for="[2001:db8::1]:4711", For=10.0.0.2', '2001:db8::1'],
    ['proto=https', ''],
    ['for=192.0.2.1, proto=https', ''],
    ['for=_hidden', ''],
    ['', '10.0.0.1'],
  ])('%s', (forwarded, address) => {
    expect(clientOf(PRIVATE, { headers: { forwarded } })?.address).toBe(address);
  });

  test('a malformed header is refused', () => {
    expect(clientOf(PRIVATE, { headers: { forwarded: 'for="6.6.6.6, for=192.0.2.1' } })).toBeUndefined();
  });

  test('must agree with X-Forwarded-For: a proxy may pass on the header that it does not write', () => {
    expect(clientOfBoth('for=6.6.6.6')).toBeUndefined();
    expect(clientOfBoth('for=192.0.2.1')?.address).toBe('192.0.2.1');
  });
});

test('host and scheme are taken from the first proxy', () => {
  expect(seenHost({})).toEqual(['inner', false]);
  expect(seenHost({ 'x-forwarded-host': 'a.example', 'x-forwarded-proto': 'https' })).toEqual(['a.example', true]);
  expect(seenHost({ 'x-forwarded-host': 'a.example, b', 'x-forwarded-proto': 'HTTPS, http' })).toEqual([
    'a.example',
    true,
  ]);
  expect(seenHost({ 'x-forwarded-host': '', 'x-forwarded-proto': 'http' })).toEqual(['inner', false]);
  expect(seenHost({ 'x-forwarded-proto': 'wss' })).toEqual(['inner', true]);
  expect(seenHost({ forwarded: 'for=192.0.2.1;host="a.example:8443";proto=https, for=10.0.0.2;host=b' })).toEqual([
    'a.example:8443',
    true,
  ]);
});

test('a request without Host, which is refused later, has an empty host', () => {
  const socket = { remoteAddress: undefined } as unknown as Duplex;
  expect(new TrustedProxies(PRIVATE).clientOf({ headers: {} }, socket)).toEqual({
    address: '',
    host: '',
    isSecure: false,
    isLocal: false,
  });
});

test('TLS of the socket makes the client secure', () => {
  expect(clientOf(undefined, { encrypted: true })?.isSecure).toBe(true);
  expect(clientOf(PRIVATE, { encrypted: true, headers: { 'x-forwarded-proto': 'http' } })?.isSecure).toBe(true);
});

describe('ranges', () => {
  test.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['192.0.2.0/31', '192.0.2.1', true],
    ['192.0.2.0/31', '192.0.2.2', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1/32', '192.0.2.2', false],
    ['0.0.0.0/0', '198.51.100.1', true],
    ['0.0.0.0/0', '::1', false],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['::ffff:10.0.0.0/104', '10.9.9.9', true],
    ['::ffff:10.0.0.0/104', '11.0.0.1', false],
    ['::ffff:a00:0/104', '10.9.9.9', true],
    ['::/0', '10.0.0.1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::1', '::1', true],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe00::1', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
  ])('%s and %s: %s', (range, from, isTrusted) => {
    expect(addressOf([range], '203.0.113.9', from) === '203.0.113.9').toBe(isTrusted);
  });

  test.each([
    null,
    '10.0.0.0/8',
    5,
    {},
    [5],
    [null],
    [''],
    ['localhost'],
    ['10.0.0/8'],
    ['10.0.0.0/33'],
    ['10.0.0.0/'],
    ['10.0.0.0/-1'],
    ['10.0.0.0/08'],
    ['10.0.0.0/8/8'],
    ['10.0.0.0/ 8'],
    ['::/129'],
    ['::ffff:10.0.0.0/95'],
    ['::ffff:10.0.0.0/129'],
    ['::/1e1'],
    ['fine', '10.0.0.1'],
  ])('%j is refused', (ranges) => {
    expect(() => new TrustedProxies(ranges)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        componentSignature: 'HTTP',
        message: 'invalid option: trustedProxies must be an array of IP addresses, or ranges such as "10.0.0.0/8"',
      }),
    );
  });
});
