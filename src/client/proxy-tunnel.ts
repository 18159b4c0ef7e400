import { toServerName } from './server-name.ts';
import { setImmediate } from '../base/clock.ts';
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { connect as connectTcp, isIP, isIPv4, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { URL } from 'node:url';
import { FourDError, type ErrorDetails } from '../errors.ts';
import { MAX_INTERIM_ANSWERS } from '../handshake/client-handshake.ts';
import { decodeHeaderValue } from '../handshake/header-grammar.ts';
import { shown } from '../session/shown-text.ts';
import { hintForError, hintForStatus } from './connect-hints.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';

/** A proxy to connect through. */
export interface Proxy {
  /**
   * "http": CONNECT; "https": CONNECT over TLS; "socks5": SOCKS 5; "socks5h": SOCKS 5, and the proxy resolves host
   * names.
   */
  readonly kind: 'http' | 'https' | 'socks5' | 'socks5h';
  readonly host: string;
  readonly port: number;
  /** At most 255 bytes each. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

/** Is notified of the outcome of a tunnel: one call of the two, in a later turn. */
export interface TunnelListener {
  /** The tunnel is open: bytes that are written to `socket` reach the target. The socket has an 'error' listener. */
  onTunnel(socket: Socket): void;
  onTunnelFailed(error: FourDError): void;
}

/** Longest reason phrase that a message shows, in UTF-16 units. */
const MAX_REASON_LENGTH = 200;

/** The one 1xx status that is a final answer (RFC 9110 section 15.2.2). */
const SWITCHING_PROTOCOLS = 101;

const SOCKS_VERSION = 5;
/** Authentication methods of RFC 1928 section 3. */
const NO_AUTHENTICATION = 0;
const USERNAME_PASSWORD = 2;
/** Address types of RFC 1928 section 5. */
const IPV4 = 1;
const DOMAIN_NAME = 3;
const IPV6 = 4;

/** Texts of the replies of RFC 1928 section 6, by number. */
const SOCKS_REPLIES: readonly string[] = [
  'succeeded',
  'general failure',
  'not allowed by the rules of the proxy',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
];

/**
 * Opens a tunnel through a proxy to a host and port.
 *
 * @param ca - certificate authorities for an "https" proxy, undefined for the ones that Node trusts
 * @returns the socket to the proxy: destroying it gives up without a call to the listener
 */
export function openTunnel(
  proxy: Proxy,
  host: string,
  port: number,
  ca: ConnectionOptions['ca'],
  listener: TunnelListener,
): Socket {
  const socket =
    proxy.kind === 'https'
      ? connectTls({
          host: proxy.host,
          port: proxy.port,
          servername: toServerName(proxy.host),
          ALPNProtocols: ['http/1.1'],
          ...(ca !== undefined && { ca }),
        })
      : connectTcp({ host: proxy.host, port: proxy.port });
  ignoreErrors(socket);
  if (proxy.kind === 'http' || proxy.kind === 'https') openHttpTunnel(socket, proxy, host, port, listener);
  else new SocksHandshake(socket, proxy, host, port, listener).begin();
  return socket;
}

/** Opens a tunnel with HTTP CONNECT (RFC 9110 section 9.3.6). */
function openHttpTunnel(socket: Socket, proxy: Proxy, host: string, port: number, listener: TunnelListener): void {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const { credentials } = proxy;
  const basic = credentials && Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
  const headers = { Host: authority, ...(basic !== undefined && { 'Proxy-Authorization': `Basic ${basic}` }) };
  awaitTunnel(socket, authority, headers, listener).end();
}

/**
 * Awaits the final answer to a CONNECT request on a socket.
 *
 * @param interimAnswers - how many 1xx answers have come
 * @returns the request; until its `end()` nothing is written to the socket
 */
function awaitTunnel(
  socket: Socket,
  authority: string,
  headers: OutgoingHttpHeaders,
  listener: TunnelListener,
  interimAnswers = 0,
): ClientRequest {
  const request = httpRequest({
    method: 'CONNECT',
    path: authority,
    setHost: false,
    headers,
    createConnection: () => socket,
  });
  // By default Node drops the headers of an answer behind the 1 000th in silence.
  request.maxHeadersCount = 0;
  request.on('connect', (response, _socket, head: Buffer) => {
    const { statusCode: httpStatus = 0 } = response;
    if (httpStatus < 200 && httpStatus !== SWITCHING_PROTOCOLS) {
      if (interimAnswers === MAX_INTERIM_ANSWERS) {
        const message = `proxy failed: it sent more than ${MAX_INTERIM_ANSWERS} 1xx answers`;
        listener.onTunnelFailed(proxyError('ERR_PROXY_FAILED', message));
        return;
      }
      // Node takes any answer to CONNECT for the final one. Behind a 1xx answer (RFC 9110 section 15.2) another request,
      // which is never sent, reads the next one.
      socket.unshift(head);
      awaitTunnel(socket, authority, headers, listener, interimAnswers + 1);
    } else if (httpStatus < 200 || httpStatus > 299) {
      listener.onTunnelFailed(toRefusalError(response));
    } else if (head.length > 0) {
      // The client sends the first bytes in HTTP and in TLS, so earlier bytes are not from the target.
      listener.onTunnelFailed(proxyError('ERR_PROXY_FAILED', 'proxy failed: it sent bytes before the client did'));
    } else listener.onTunnel(socket);
  });
  request.on('error', (error: NodeJS.ErrnoException) => {
    // The error of Node's parser holds the bytes of the peer, so it does not become the cause.
    const cause = error.code?.startsWith('HPE_') === true ? undefined : error;
    listener.onTunnelFailed(
      proxyError('ERR_PROXY_FAILED', `proxy failed: ${error.message.trimEnd()}${hintForError(error, 'proxy')}`, {
        cause,
      }),
    );
  });
  request.on('response', () => request.destroy(new Error('it does not support CONNECT')));
  return request;
}

/** Builds the error for an answer to CONNECT that opens no tunnel. */
function toRefusalError({ statusCode: httpStatus = 0, statusMessage = '', headers }: IncomingMessage): FourDError {
  const status =
    `proxy refused: HTTP ${httpStatus} ${shown(decodeHeaderValue(statusMessage), MAX_REASON_LENGTH)}`.trim();
  const message = httpStatus === 407 ? `${status}${hintForStatus(httpStatus)}` : status;
  const httpHeaders = Object.assign(Object.create(null), headers) as typeof headers;
  return proxyError('ERR_PROXY_REFUSED', message, { httpStatus, httpHeaders });
}

/**
 * The handshake with a SOCKS 5 proxy (RFC 1928), with user and password (RFC 1929) when the proxy's URL has them.
 *
 * @remarks Reads exact numbers of bytes, at most 262 in all, and leaves the bytes behind the handshake in the socket.
 */
class SocksHandshake {
  readonly #socket: Socket;
  readonly #proxy: Proxy;
  readonly #host: string;
  readonly #port: number;
  readonly #listener: TunnelListener;
  #isOver = false;
  /** How many bytes {@link #onBytes} takes, 0 while no bytes are expected. */
  #expectedBytes = 2;
  #onBytes: (bytes: Buffer) => void = (bytes) => this.#onMethod(bytes);

  constructor(socket: Socket, proxy: Proxy, host: string, port: number, listener: TunnelListener) {
    this.#socket = socket;
    this.#proxy = proxy;
    this.#host = host;
    this.#port = port;
    this.#listener = listener;
  }

  begin(): void {
    const methods =
      this.#proxy.credentials === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USERNAME_PASSWORD];
    this.#socket.write(Buffer.of(SOCKS_VERSION, methods.length, ...methods));
    this.#socket.on('readable', this.#onReadable);
    this.#socket.on('error', this.#onError);
    this.#socket.on('close', this.#onClose);
  }

  readonly #onError = (cause: Error): void =>
    this.#fail('ERR_PROXY_FAILED', `proxy failed: ${cause.message.trimEnd()}${hintForError(cause, 'proxy')}`, {
      cause,
    });

  readonly #onClose = (): void => this.#fail('ERR_PROXY_FAILED', 'proxy failed: it closed the connection');

  readonly #onReadable = (): void => {
    while (!this.#isOver && this.#expectedBytes > 0) {
      const bytes = this.#socket.read(this.#expectedBytes) as Buffer | null;
      if (bytes === null) return;
      // At the end of the stream, read() returns fewer bytes than it was asked for.
      if (bytes.length < this.#expectedBytes) return;
      this.#onBytes(bytes);
    }
  };

  #expect(byteCount: number, onBytes: (bytes: Buffer) => void): void {
    this.#expectedBytes = byteCount;
    this.#onBytes = onBytes;
  }

  #onMethod(bytes: Buffer): void {
    const { credentials } = this.#proxy;
    if (bytes[0] !== SOCKS_VERSION) this.#fail('ERR_PROXY_FAILED', 'proxy failed: it does not speak SOCKS 5');
    else if (bytes[1] === NO_AUTHENTICATION) this.#resolve();
    else if (bytes[1] === USERNAME_PASSWORD && credentials !== undefined) {
      const username = Buffer.from(credentials.username);
      const password = Buffer.from(credentials.password);
      this.#socket.write(
        Buffer.concat([Buffer.of(1, username.length), username, Buffer.of(password.length), password]),
      );
      this.#expect(2, (answer) => {
        if (answer[0] === 1 && answer[1] === 0) this.#resolve();
        else this.#fail('ERR_PROXY_REFUSED', 'proxy refused: the user or password in its URL is wrong');
      });
    } else
      this.#fail(
        'ERR_PROXY_REFUSED',
        'proxy refused: it accepts no login that this client offers: does its URL have user and password?',
      );
  }

  #resolve(): void {
    this.#expectedBytes = 0;
    if (this.#proxy.kind === 'socks5h' || isIP(this.#host) !== 0) {
      this.#connect(this.#host);
      return;
    }
    // An import would make every program load this module with the library, which takes a millisecond.
    const { lookup } = process.getBuiltinModule('node:dns');
    lookup(this.#host, (error, address) => {
      if (this.#isOver) return;
      if (error === null) this.#connect(address);
      else {
        const message = `cannot connect: ${error.message}${hintForError(error, 'resolving')}`;
        this.#fail('ERR_CONNECT_FAILED', message, { phase: 'resolving', cause: error });
      }
    });
  }

  #connect(host: string): void {
    const address = toSocksAddress(host);
    if (address === undefined) {
      const hostBytes = Buffer.byteLength(host);
      this.#fail('ERR_PROXY_FAILED', `proxy failed: the host name has ${hostBytes} bytes, SOCKS 5 allows 255`);
      return;
    }
    this.#socket.write(
      Buffer.concat([Buffer.of(SOCKS_VERSION, 1, 0), address, Buffer.of(this.#port >> 8, this.#port & 0xff)]),
    );
    // The fifth byte is the length of the address when its type is a domain name.
    this.#expect(5, (head) => this.#onReply(head));
    // Bytes that arrived during the name lookup have emitted 'readable' already, so read them now.
    this.#onReadable();
  }

  #onReply(head: Buffer): void {
    const [version, reply = 1, , type, first = 0] = head;
    if (version !== SOCKS_VERSION) {
      this.#fail('ERR_PROXY_FAILED', 'proxy failed: it does not speak SOCKS 5');
    } else if (reply !== 0) {
      this.#fail(
        'ERR_PROXY_REFUSED',
        `proxy refused: ${SOCKS_REPLIES[reply] ?? 'unknown reason'} (SOCKS reply ${reply})`,
        {
          observed: reply,
        },
      );
    } else if (type === IPV4 || type === IPV6 || type === DOMAIN_NAME) {
      // One byte of the address has been read; two bytes of port follow it.
      const addressBytesLeft = type === IPV4 ? 3 : type === IPV6 ? 15 : first;
      this.#expect(addressBytesLeft + 2, () => this.#succeed());
    } else this.#fail('ERR_PROXY_FAILED', 'proxy failed: it answered with an address of unknown type');
  }

  #succeed(): void {
    this.#finish();
    // A stream whose 'readable' listener was removed flows again only in a later turn.
    setImmediate(() => this.#listener.onTunnel(this.#socket));
  }

  #fail(
    code: 'ERR_PROXY_FAILED' | 'ERR_PROXY_REFUSED' | 'ERR_CONNECT_FAILED',
    message: string,
    details: ErrorDetails = {},
  ): void {
    if (this.#isOver) return;
    this.#finish();
    this.#listener.onTunnelFailed(proxyError(code, message, details));
  }

  #finish(): void {
    this.#isOver = true;
    this.#socket.off('readable', this.#onReadable);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
  }
}

/** Builds the type and address of a host (RFC 1928 section 5); undefined when the name is longer than 255 bytes. */
function toSocksAddress(host: string): Buffer | undefined {
  if (isIPv4(host)) return Buffer.of(IPV4, ...host.split('.').map(Number));
  if (isIP(host) === 6) return Buffer.concat([Buffer.of(IPV6), toIPv6Bytes(host)]);
  const name = Buffer.from(host);
  return name.length > 255 ? undefined : Buffer.concat([Buffer.of(DOMAIN_NAME, name.length), name]);
}

/** @param address - an IPv6 address that `isIP` accepts */
function toIPv6Bytes(address: string): Buffer {
  // The URL parser turns every form, such as one with an IPv4 part, into hexadecimal groups.
  const text = new URL(`ws://[${address.split('%')[0] ?? ''}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...before, ...zeros, ...after].entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2);
  return bytes;
}

function proxyError(
  code: 'ERR_PROXY_FAILED' | 'ERR_PROXY_REFUSED' | 'ERR_CONNECT_FAILED',
  message: string,
  details: ErrorDetails = {},
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTCL', side: 'remote', phase: 'proxy', ...details });
}
