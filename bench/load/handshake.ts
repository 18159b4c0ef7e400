import { createHash } from 'node:crypto';
import { SERVER_WINDOW_BITS } from './frames.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const EACH_ON_ITS_OWN = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const MAX_WINDOW_BITS = 15;

/**
 * Builds the request of a client (RFC 6455 section 1.3), with the fixed key of the RFC's own example.
 *
 * @param isCompressed - whether to offer compression of each message on its own
 * @param firstVariant - number of the first message of the connection
 */
export function upgradeRequest(isCompressed: boolean, firstVariant: number): string {
  return requestOf(targetOf(firstVariant), isCompressed ? [`Sec-WebSocket-Extensions: ${EACH_ON_ITS_OWN}`] : []);
}

/** Builds the request for a target, with more header lines. */
export function requestOf(target: string, lines: readonly string[] = []): string {
  return [
    `GET ${target} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...lines,
    '\r\n',
  ].join('\r\n');
}

/** Returns the request target. It names the client's first message for servers that do not read messages. */
export function targetOf(firstVariant: number): string {
  return `/bench?${firstVariant}`;
}

/** Returns the number of the client's first message from its request. */
export function firstVariantOf(request: string): number {
  return Number(/^GET \/bench\?(\d+) /.exec(request)?.[1] ?? 0);
}

const ACCEPT = acceptOf(KEY);

/** Tells whether `head` is the right answer to {@link upgradeRequest}. */
export function isUpgradeAnswer(head: string, isCompressed: boolean): boolean {
  return (
    head.startsWith('HTTP/1.1 101 ') && head.includes(ACCEPT) && head.includes('permessage-deflate') === isCompressed
  );
}

/** Tells whether a request offers compression that {@link answerUpgrade} can accept. */
export function offersCompression(request: string): boolean {
  const offer = offerOf(request);
  return offer.startsWith('permessage-deflate') && windowBitsOf(offer) >= SERVER_WINDOW_BITS;
}

/**
 * Builds the answer to a request.
 *
 * @param isCompressed - whether to accept compression of each message on its own, which the request must offer
 */
export function answerUpgrade(request: string, isCompressed: boolean): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? '';
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
    ...(isCompressed ? [`Sec-WebSocket-Extensions: ${agreedOf(request)}`] : []),
    '\r\n',
  ].join('\r\n');
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Returns the extensions that a request offers. */
function offerOf(request: string): string {
  return /^sec-websocket-extensions: *([^\r]+)/im.exec(request)?.[1] ?? '';
}

/**
 * Builds the agreed extension. The answer must contain a window that the client asks for (RFC 7692 section 7.1.2.1).
 */
function agreedOf(request: string): string {
  const windowBits = windowBitsOf(offerOf(request));
  return windowBits < MAX_WINDOW_BITS ? `${EACH_ON_ITS_OWN}; server_max_window_bits=${windowBits}` : EACH_ON_ITS_OWN;
}

function windowBitsOf(offer: string): number {
  return Number(/server_max_window_bits="?(\d+)/.exec(offer)?.[1] ?? MAX_WINDOW_BITS);
}
