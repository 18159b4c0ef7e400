import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { backoffDelayMs, isTemporary, parseRetryAfterMs } from '../../src/client/reconnect-policy.ts';
import { type EndPhase, type ErrorCode, FourDError } from '../../src/errors.ts';

describe('isTemporary', () => {
  test.each<[code: number, expected: boolean]>([
    [1000, false],
    [1001, true],
    [1002, false],
    [1003, false],
    [1005, false],
    [1006, true],
    [1007, false],
    [1008, false],
    [1009, false],
    [1010, false],
    [1011, true],
    [1012, true],
    [1013, true],
    [1014, true],
    [3000, false],
    [4000, false],
    [4999, false],
  ])('of close code %i is %s', (code, expected) => {
    for (const phase of ['open', 'closing'] satisfies EndPhase[]) {
      expect(isTemporary(code, phase, undefined)).toBe(expected);
    }
  });

  test.each<[code: ErrorCode, expected: boolean]>([
    ['ERR_CONNECT_FAILED', true],
    ['ERR_HANDSHAKE_TIMEOUT', true],
    ['ERR_HANDSHAKE_INVALID', false],
    ['ERR_INVALID_URL', false],
    ['ERR_INVALID_HEADER', false],
  ])('of an attempt that failed with %s is %s', (code, expected) => {
    expect(isTemporary(1006, 'connecting', new FourDError(code, ''))).toBe(expected);
  });

  test.each<[phase: EndPhase, code: string | undefined, expected: boolean]>([
    ['resolving', 'ENOTFOUND', true],
    ['resolving', 'EAI_AGAIN', true],
    ['connecting', 'ECONNREFUSED', true],
    ['connecting', 'ENOENT', true],
    ['connecting', undefined, true],
    ['tls', 'ECONNRESET', true],
    ['tls', 'ETIMEDOUT', true],
    ['tls', undefined, false],
    ['tls', 'EPROTO', false],
    ['tls', 'CERT_HAS_EXPIRED', false],
    ['tls', 'DEPTH_ZERO_SELF_SIGNED_CERT', false],
    ['tls', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', false],
    ['tls', 'ERROR_IN_CERT_NOT_AFTER_FIELD', false],
    ['tls', 'ERR_TLS_CERT_ALTNAME_INVALID', false],
    ['tls', 'ERR_SSL_WRONG_VERSION_NUMBER', false],
    ['proxy', 'ECONNREFUSED', true],
    ['proxy', 'SELF_SIGNED_CERT_IN_CHAIN', false],
    ['proxy', undefined, true],
    ['handshake', 'ECONNRESET', true],
    ['handshake', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', false],
    // The user's url() or headers() has failed, for whatever reason.
    ['preparing', 'ERR_SSL_WRONG_VERSION_NUMBER', true],
  ])('of an attempt that failed in the phase %s with %s is %s', (phase, code, expected) => {
    const cause = Object.assign(new Error('of Node'), code !== undefined && { code });
    for (const name of ['ERR_CONNECT_FAILED', 'ERR_PROXY_FAILED'] satisfies ErrorCode[]) {
      expect(isTemporary(1006, phase, new FourDError(name, '', { phase, cause }))).toBe(expected);
    }
  });

  test('of an option that Node refuses is false', () => {
    const error = new FourDError('ERR_CONNECT_FAILED', '', { phase: 'preparing', endCause: 'invalid' });
    expect(isTemporary(1006, 'preparing', error)).toBe(false);
  });

  test.each<[httpStatus: number, expected: boolean]>([
    [200, false],
    [301, false],
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [502, true],
    [503, true],
  ])('of a refusal with %i is %s', (httpStatus, expected) => {
    expect(isTemporary(1006, 'handshake', new FourDError('ERR_HANDSHAKE_REFUSED', '', { httpStatus }))).toBe(expected);
  });
});

test('backoffDelayMs grows by the factor up to the maximum, and takes a random part of it', () => {
  const range = { minDelayMs: 100, maxDelayMs: 1000, factor: 3 };
  expect([1, 2, 3, 4, 5000].map((attempt) => backoffDelayMs(attempt, range, 0.5))).toEqual([50, 150, 450, 500, 500]);
  expect(backoffDelayMs(3, range, 0)).toBe(0);
});

describe('parseRetryAfterMs', () => {
  const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT');

  test.each<[value: string | readonly string[] | undefined, expected: number]>([
    [undefined, 0],
    ['', 0],
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7000],
    ['601', 600_000],
    ['9'.repeat(60), 600_000],
    ['9'.repeat(65), 0],
    ['-5', 0],
    ['soon', 0],
    ['Wed, 21 Oct 2015 07:28:30 GMT', 30_000],
    ['Wed, 21 Oct 2015 07:27:30 GMT', 0],
    ['Fri, 31 Dec 2099 23:59:59 GMT', 600_000],
    ['Wednesday, 21-Oct-15 07:28:30 GMT', 30_000],
    ['Wed Oct 21 07:28:30 2015', 30_000],
    ['Wed, 21 Oct 2015 07:28:30 +0000', 30_000],
    [['1', '2'], 0],
  ])('reads %j as %i ms, wherever the client runs', (value, expected) => {
    // A date without a zone means UTC, and not the time zone of this process.
    vi.stubEnv('TZ', 'America/New_York');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(parseRetryAfterMs(value, now)).toBe(expected);
  });
});
