import { describe, expect, test } from 'vitest';
import { hintForError, hintForStatus } from '../../src/client/connect-hints.ts';

function failure(code?: string): Error {
  return Object.assign(new Error('what happened'), code !== undefined && { code });
}

describe('hintForError', () => {
  test.each([
    ['ECONNREFUSED', ' (no server listens on this address: is it running?)'],
    ['ENOTFOUND', ' (this host name does not exist: check its spelling)'],
    ['EPROTO', ' (this port does not speak TLS: did you mean ws:// instead of wss://?)'],
    ['CERT_HAS_EXPIRED', ' (the certificate must be renewed)'],
    ['HPE_INVALID_CONSTANT', ' (this port does not speak HTTP: did you mean wss:// instead of ws://?)'],
    ['EWHATEVER', ''],
    ['constructor', ''],
    [undefined, ''],
  ])('explains %s', (code, hint) => {
    expect(hintForError(failure(code), 'connecting')).toBe(hint);
  });

  test.each(['EPROTO', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'])(
    'explains %s as a rejected TLS handshake when OpenSSL reports an alert',
    (code) => {
      const error = Object.assign(new Error('tlsv1 alert protocol version:SSL alert number 70\n'), { code });
      expect(hintForError(error, 'tls')).toBe(
        ' (the server rejected the TLS handshake: check TLS versions, ciphers and the client certificate)',
      );
    },
  );

  test('explains a reset by its phase', () => {
    const phases = ['proxy', 'tls', 'handshake', 'connecting'] as const;
    expect(new Set(phases.map((phase) => hintForError(failure('ECONNRESET'), phase))).size).toBe(4);
    expect(hintForError(failure('ECONNRESET'), 'connecting')).toBe('');
    expect(hintForError(failure('ECONNRESET'), 'handshake', false)).toContain('did you mean wss://');
    expect(hintForError(failure('ECONNRESET'), 'handshake', true)).not.toContain('wss://');
  });

  test('explains an AggregateError by its first error', () => {
    const several = new AggregateError([failure('ETIMEDOUT'), failure('ENETUNREACH')]);
    expect(hintForError(several, 'connecting')).toBe(' (a firewall may drop the packets)');
    expect(hintForError(new AggregateError([]), 'connecting')).toBe('');
  });
});

describe('hintForStatus', () => {
  test.each([
    [200, ' (this URL serves a web page, not a WebSocket: check the path)'],
    [302, ' (the server redirects: see the option followRedirects)'],
    [401, ' (the server demands credentials: put them into the headers of the handler or into the URL)'],
    [404, ' (no WebSocket server has this path)'],
    [407, ' (the proxy demands credentials: put user and password into its URL)'],
    [418, ''],
    [0, ''],
  ])('explains %i', (status, hint) => {
    expect(hintForStatus(status)).toBe(hint);
  });
});
