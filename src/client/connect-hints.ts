import type { EndPhase } from '../errors.ts';

const UNKNOWN_AUTHORITY = 'no authority known here has signed its certificate: give that of the server in tls.ca';
const TLS_REFUSED =
  'the server refuses TLS with this client: its versions, its ciphers, or that it shows no certificate';
const NO_TLS = 'there is no TLS at that port: ws:// instead of wss://?';

/** What the errors of Node.js mean to somebody who wants to connect. */
const BY_CODE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ECONNREFUSED: 'nothing listens there: is it running?',
    ENOTFOUND: 'no host has this name',
    EAI_AGAIN: 'the name server does not answer',
    ETIMEDOUT: 'a firewall may drop the packets',
    EHOSTUNREACH: 'there is no way to that host',
    ENETUNREACH: 'there is no way to that network',
    ENOENT: 'there is no such socket',
    EACCES: 'this user may not use that socket',
    EPROTO: NO_TLS,
    ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
    ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
    DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
    SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
    CERT_HAS_EXPIRED: 'its certificate must be renewed',
    ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
    HPE_INVALID_CONSTANT: 'it does not speak HTTP at that port: wss:// instead of ws://?',
  }),
);

/** What a reset means, which looks alike everywhere. */
const RESETS: Readonly<Partial<Record<EndPhase, string>>> = {
  proxy: 'the proxy ended the connection before it answered',
  tls: 'the server ended the connection within the TLS handshake: does it speak TLS?',
  handshake: 'the server ended the connection before it answered',
};

const BY_STATUS: Readonly<Record<number, string>> = {
  400: 'the server does not accept this request, or none of the subprotocols',
  401: 'the server wants to know who asks: headers of the handler, or user and password in the URL',
  403: 'the server does not want this client',
  404: 'no WebSocket server has this path',
  407: 'user and password go into the URL of the proxy',
  426: 'the server speaks another version, or no WebSocket',
  429: 'too many connections or attempts: later again',
  502: 'a gateway does not reach the server',
  503: 'the server is overloaded or ending: later again',
  504: 'a gateway does not reach the server in time',
};

/**
 * What to think of, or to do, about an error of Node.js.
 *
 * @returns words in brackets with a space before them, to be put behind the message; empty when there is nothing to say
 */
export function hintForError(error: NodeJS.ErrnoException, phase: EndPhase): string {
  // One that stands for several, one for each address of a host, has a code only sometimes.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : error;
  const code = first?.code;
  if (code === undefined) return '';
  // So OpenSSL tells what the peer said. While something was to be written, its code is EPROTO, as that of no TLS is.
  if (first?.message.includes('SSL alert number') === true) return inBrackets(TLS_REFUSED);
  return inBrackets(code === 'ECONNRESET' ? RESETS[phase] : BY_CODE.get(code));
}

/** What to think of, or to do, about an HTTP answer that is no 101. Returns as {@link hintForError}. */
export function hintForStatus(status: number): string {
  const redirect = status >= 300 && status < 400 ? 'the server points elsewhere: see followRedirects' : undefined;
  const page = status >= 200 && status < 300 ? 'there is a web page at this URL and no WebSocket' : undefined;
  return inBrackets(BY_STATUS[status] ?? redirect ?? page);
}

function inBrackets(advice: string | undefined): string {
  return advice === undefined ? '' : ` (${advice})`;
}
