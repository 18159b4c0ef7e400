import { describe, expect, test } from 'vitest';
import { checkSettings, type WebServerSettings } from '../../src/web-server/web-server-settings.ts';
import { FourDError } from '../../src/errors.ts';

/** Returns the message of the error that refuses settings. */
function refusal(...layers: unknown[]): string {
  try {
    checkSettings(...(layers as WebServerSettings[]));
  } catch (error) {
    expect(error).toBeInstanceOf(FourDError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', errCode: -20008, componentSignature: 'HTTP' });
    return (error as FourDError).message;
  }
  throw new Error('accepted');
}

test('every setting has its default', () => {
  expect(checkSettings({})).toStrictEqual({
    name: 'default',
    HTTPEnabled: true,
    HTTPPort: 80,
    HTTPSEnabled: false,
    HTTPSPort: 443,
    IPAddressToListen: '',
    rootFolder: undefined,
    followLinks: false,
    defaultHomepage: 'index.html',
    certificateFolder: undefined,
    minTLSVersion: 3,
    CORSEnabled: false,
    CORSSettings: [],
    hosts: undefined,
    requestTimeoutMs: 30_000,
    responseStallMs: 20_000,
    maxConnections: Infinity,
    maxConnectionsPerAddress: Infinity,
  });
});

test('the first layer that has a setting wins, and undefined counts as missing', () => {
  const settings = checkSettings({ name: 'first', HTTPPort: undefined }, { name: 'second', HTTPPort: 8080 });
  expect(settings).toMatchObject({ name: 'first', HTTPPort: 8080 });
});

test('the result is frozen, and independent of the object that was passed', () => {
  const given = { HTTPPort: 1, hosts: ['localhost'] };
  const settings = checkSettings(given);
  given.HTTPPort = 2;
  given.hosts.push('evil.example');
  expect([settings.HTTPPort, settings.hosts]).toEqual([1, ['localhost']]);
  expect([Object.isFrozen(settings), Object.isFrozen(settings.hosts)]).toEqual([true, true]);
});

describe('is refused:', () => {
  test.each([
    ['a setting that does not exist', { HttpPort: 80 }, 'there is no setting "HttpPort"'],
    ['a name of Object.prototype', { toString: '' }, 'there is no setting "toString"'],
    ['a port as text', { HTTPPort: '8080' }, 'HTTPPort must be a whole number from 0 to 65535'],
    ['a negative port', { HTTPPort: -1 }, 'HTTPPort must be'],
    ['a port that is too high', { HTTPSPort: 65_536 }, 'HTTPSPort must be'],
    ['half a port', { HTTPPort: 80.5 }, 'HTTPPort must be'],
    ['NaN as port', { HTTPPort: Number.NaN }, 'HTTPPort must be'],
    ['a string for a boolean', { HTTPEnabled: 'yes' }, 'HTTPEnabled must be true or false'],
    ['a number for a string', { name: 1 }, 'name must be a string'],
    ['null', { rootFolder: null }, 'rootFolder must be a string that is not empty'],
    ['an empty rootFolder, which would be the whole disk', { rootFolder: '' }, 'rootFolder must be'],
    ['an empty certificateFolder', { certificateFolder: '' }, 'certificateFolder must be'],
    ['an empty defaultHomepage', { defaultHomepage: '' }, 'defaultHomepage must be'],
    ['an address that is no string', { IPAddressToListen: 127 }, 'IPAddressToListen must be a string'],
    ['TLS version 0', { minTLSVersion: 0 }, 'minTLSVersion must be 1, 2, 3 or 4'],
    ['TLS version 5', { minTLSVersion: 5 }, 'minTLSVersion must be 1, 2, 3 or 4'],
    ['a TLS version as text', { minTLSVersion: 'TLSv1.2' }, 'minTLSVersion must be'],
    ['CORS hosts without an array', { CORSSettings: { host: '*' } }, 'CORSSettings must be an array'],
    ['a CORS host as text', { CORSSettings: ['*'] }, 'CORSSettings must be an array'],
    ['CORS hosts with null', { CORSSettings: [null] }, 'CORSSettings must be an array'],
    ['CORS methods as an array', { CORSSettings: [{ host: '*', methods: ['get'] }] }, 'CORSSettings must be'],
    ['hosts that are no array', { hosts: 'localhost' }, 'hosts must be an array of hosts such as "example.com"'],
    ['no hosts at all', { hosts: [] }, 'hosts must be an array'],
    ['a host with a scheme', { hosts: ['localhost', 'http://a.example'] }, 'received "http://a.example"'],
    [
      'a request timeout of 0',
      { requestTimeoutMs: 0 },
      'requestTimeoutMs must be a whole number, 1 or more, or Infinity',
    ],
    ['half a millisecond', { responseStallMs: 0.5 }, 'responseStallMs must be a whole number'],
    ['no connections at all', { maxConnections: 0 }, 'maxConnections must be a whole number'],
    ['a limit as text', { maxConnectionsPerAddress: '5' }, 'maxConnectionsPerAddress must be a whole number'],
    [
      'no protocol at all',
      { HTTPEnabled: false },
      'HTTPEnabled and HTTPSEnabled are both false: set one of them to true',
    ],
    [
      'HTTPS without certificate',
      { HTTPSEnabled: true },
      'HTTPSEnabled needs certificateFolder, the folder of key.pem and cert.pem',
    ],
  ])('%s', (_, settings, message) => {
    expect(refusal(settings)).toContain(message);
    expect(refusal({}, settings)).toContain(message);
  });

  test.each([null, 'text', 8080])('%j instead of an object', (settings) => {
    expect(refusal(settings)).toContain('must be an object');
  });
});

test.each([
  { HTTPPort: 0 },
  { HTTPPort: 65_535 },
  { HTTPEnabled: false, HTTPSEnabled: true, certificateFolder: '.' },
  { IPAddressToListen: '' },
  { minTLSVersion: 1 as const },
  { hosts: ['localhost', '*.example.com:8080', '[::1]'] },
  { requestTimeoutMs: 1, responseStallMs: Infinity, maxConnections: 1, maxConnectionsPerAddress: Infinity },
  { CORSSettings: [{ host: '*' }, { host: 'a.example', methods: 'get;post' }, { host: '*', methods: undefined }] },
])('is accepted: %j', (settings) => {
  expect(checkSettings(settings)).toMatchObject(settings);
});
