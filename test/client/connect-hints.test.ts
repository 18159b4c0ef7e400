import { describe, expect, test } from 'vitest';
import { hintForError, hintForStatus } from '../../src/client/connect-hints.ts';

function failure(code?: string): Error {
  return Object.assign(new Error('what happened'), code !== undefined && { code });
}

describe('hintForError', () => {
  test.each([
    ['ECONNREFUSED', ' (nothing listens there: is it running?)'],
    ['ENOTFOUND', ' (no host has this name)'],
    ['EPROTO', ' (there is no TLS at that port: ws:// instead of wss://?)'],
    ['CERT_HAS_EXPIRED', ' (its certificate must be renewed)'],
    ['HPE_INVALID_CONSTANT', ' (it does not speak HTTP at that port: wss:// instead of ws://?)'],
    ['EWHATEVER', ''],
    ['constructor', ''],
    [undefined, ''],
  ])('%s', (code, advice) => {
    expect(hintForError(failure(code), 'connecting')).toBe(advice);
  });

  test.each(['EPROTO', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'])('%s, said by a peer that speaks TLS', (code) => {
    const error = Object.assign(new Error('tlsv1 alert protocol version:SSL alert number 70\n'), { code });
    expect(hintForError(error, 'tls')).toBe(
      ' (the server refuses TLS with this client: its versions, its ciphers, or that it shows no certificate)',
    );
  });

  test('a reset means something else in each phase', () => {
    const phases = ['proxy', 'tls', 'handshake', 'connecting'] as const;
    expect(new Set(phases.map((phase) => hintForError(failure('ECONNRESET'), phase))).size).toBe(4);
    expect(hintForError(failure('ECONNRESET'), 'connecting')).toBe('');
  });

  test('an error for several addresses says what its first one says', () => {
    const several = new AggregateError([failure('ETIMEDOUT'), failure('ENETUNREACH')]);
    expect(hintForError(several, 'connecting')).toBe(' (a firewall may drop the packets)');
    expect(hintForError(new AggregateError([]), 'connecting')).toBe('');
  });
});

describe('hintForStatus', () => {
  test.each([
    [200, ' (there is a web page at this URL and no WebSocket)'],
    [302, ' (the server points elsewhere: see followRedirects)'],
    [401, ' (the server wants to know who asks: headers of the handler, or user and password in the URL)'],
    [404, ' (no WebSocket server has this path)'],
    [407, ' (user and password go into the URL of the proxy)'],
    [418, ''],
    [0, ''],
  ])('%i', (status, advice) => {
    expect(hintForStatus(status)).toBe(advice);
  });
});
