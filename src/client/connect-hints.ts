import type { EndPhase } from '../errors.ts';

const UNKNOWN_AUTHORITY = 'the certificate has no trusted issuer: pass the certificate of its issuer in tls.ca';
const TLS_REFUSED = 'the server rejected the TLS handshake: check TLS versions, ciphers and the client certificate';
const NO_TLS = 'this port does not speak TLS: did you mean ws:// instead of wss://?';

/** Hints by the error code of Node.js. */
const BY_CODE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ECONNREFUSED: 'no server listens on this address: is it running?',
    ENOTFOUND: 'this host name does not exist: check its spelling',
    EAI_AGAIN: 'the DNS server does not answer: try again later',
    ETIMEDOUT: 'a firewall may drop the packets',
    EHOSTUNREACH: 'there is no route to this host: check the network',
    ENETUNREACH: 'there is no route to this network: check the network',
    ENOENT: 'no Unix socket has this path: is the server running?',
    EACCES: 'this user has no permission to use this socket',
    EPROTO: NO_TLS,
    ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
    ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
    DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
    SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
    CERT_HAS_EXPIRED: 'the certificate must be renewed',
    ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host name: use one that it lists',
    HPE_INVALID_CONSTANT: 'this port does not speak HTTP: did you mean wss:// instead of ws://?',
  }),
);

/** Hints for a reset (ECONNRESET) by phase: its error is the same in every phase. */
const RESETS: Readonly<Partial<Record<EndPhase, string>>> = {
  proxy: 'the proxy closed the connection before it answered',
  tls: 'the server closed the connection during the TLS handshake: does it speak TLS?',
  handshake: 'the server closed the connection before it answered',
};

/** Hints by HTTP status. */
const BY_STATUS: Readonly<Record<number, string>> = {
  400: 'the server rejected the request, or supports none of the offered subprotocols',
  401: 'the server demands credentials: put them into the headers of the handler or into the URL',
  403: 'the server does not allow this client: check its credentials and its Origin header',
  404: 'no WebSocket server has this path',
  407: 'the proxy demands credentials: put user and password into its URL',
  426: 'the server speaks another version of WebSocket, or none',
  429: 'too many connections or attempts: try again later',
  502: 'a gateway cannot reach the server: try again later',
  503: 'the server is overloaded or shutting down: try again later',
  504: 'a gateway got no answer from the server in time: try again later',
};

/**
 * Returns a hint for an error of Node.js: its likely cause, or what to do about it.
 *
 * @param isSecure - whether the connection has TLS
 * @returns a text in brackets, with a space in front, to append to the message; empty when there is no hint
 */
export function hintForError(error: NodeJS.ErrnoException, phase: EndPhase, isSecure = false): string {
  // An AggregateError holds one error for each address of a host, and not always a code of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : error;
  const code = first?.code;
  if (code === undefined) return '';
  // OpenSSL reports an alert of the peer in this text. The code does not tell: during a write it is EPROTO, as it is
  // when the peer does not speak TLS.
  if (first?.message.includes('SSL alert number') === true) return inBrackets(TLS_REFUSED);
  if (code !== 'ECONNRESET') return inBrackets(BY_CODE.get(code));
  // A server of node:https does the same with a client that does not begin with TLS.
  const question = phase === 'handshake' && !isSecure ? ': did you mean wss:// instead of ws://?' : '';
  return inBrackets(RESETS[phase] && `${RESETS[phase]}${question}`);
}

/** Returns a hint for an HTTP answer other than 101, in the form of {@link hintForError}. */
export function hintForStatus(status: number): string {
  const redirect = status >= 300 && status < 400 ? 'the server redirects: see the option followRedirects' : undefined;
  const page =
    status >= 200 && status < 300 ? 'this URL serves a web page, not a WebSocket: check the path' : undefined;
  return inBrackets(BY_STATUS[status] ?? redirect ?? page);
}

function inBrackets(hint: string | undefined): string {
  return hint === undefined ? '' : ` (${hint})`;
}
