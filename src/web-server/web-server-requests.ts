import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { normalizeOrigin } from '../handshake/authority.ts';
import { decodeHeaderValue } from '../handshake/header-grammar.ts';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';
import { describeLostHeaders } from '../http/lost-headers.ts';
import { PendingAnswers, watchAnswers } from '../http/pending-answers.ts';
import type { UpgradableServer } from '../http/upgradable-server.ts';
import { HOST_NOT_ALLOWED, type HostRule } from '../session/host-rule.ts';
import type { FileServer } from './file-server.ts';
import { answer } from './plain-answer.ts';
import type { CORSRule, CheckedSettings } from './web-server-settings.ts';

/** Most requests of one connection that may wait for the answer before them. */
const MAX_WAITING_REQUESTS = 16;

/**
 * Makes the function that answers the plain HTTP requests of a server: the host first, then CORS, then the files of `rootFolder`.
 *
 * @param hosts - undefined when all hosts are allowed
 * @param files - undefined when there is no folder to serve
 */
export function createRequestListener(
  server: UpgradableServer,
  settings: CheckedSettings,
  hosts: HostRule | undefined,
  files: FileServer | undefined,
): RequestListener {
  function respond(request: IncomingMessage, response: ServerResponse): void {
    const lostHeaders = describeLostHeaders(server, request.rawHeaders);
    if (lostHeaders !== undefined) answer(response, 431, lostHeaders, { Connection: 'close' });
    else if (hosts !== undefined && !asksForAllowedHost(hosts, request)) answer(response, 421, HOST_NOT_ALLOWED);
    // TRACE would show scripts of a page headers that they must not see, such as cookies (RFC 9110 section 9.3.8).
    else if (request.method === 'TRACE') answer(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
    else if (applyCors(settings, request, response)) return;
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
    } else if (files === undefined) answer(response, 404, 'Not Found');
    else files.answer(request, response, pathOf(request));
  }
  // A connection has one answer in the making, and so at most one open file, however many requests it sends at once.
  return (request, response) => {
    const pending = PendingAnswers.of(request.socket);
    if (pending === undefined) respond(request, response);
    else pending.onceFirst(response, () => respond(request, response));
  };
}

/**
 * Ends each connection of a server that sends more requests at once than {@link MAX_WAITING_REQUESTS} behind the one
 * that is being answered.
 *
 * @returns a function that ends it
 */
export function limitPipelining(server: UpgradableServer): () => void {
  return watchAnswers(server, (socket, pending) => {
    if (pending.count > 1 + MAX_WAITING_REQUESTS) socket.destroy();
  });
}

/** Applies the CORS settings (Fetch standard, section 3.2). Returns true when the request is answered. */
function applyCors(settings: CheckedSettings, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (!settings.CORSEnabled) return false;
  // Every answer needs Vary, or a cache would give the answer for one origin to another.
  response.setHeader('Vary', 'Origin');
  if (origin === undefined || isSameHost(origin, request)) return false;
  const method = preflightMethod(request) ?? request.method ?? '';
  const rule = settings.CORSSettings.find((candidate) => matchesOrigin(candidate.host, origin));
  if (rule === undefined || !allowsMethod(rule, method)) {
    answer(response, 403, 'Forbidden: CORSSettings does not allow this origin or method');
    return true;
  }
  response.setHeader('Access-Control-Allow-Origin', origin);
  if (preflightMethod(request) === undefined) return false;
  response.setHeader('Access-Control-Allow-Methods', allowedMethods(rule) ?? method);
  const headers = request.headers['access-control-request-headers'];
  if (headers !== undefined) response.setHeader('Access-Control-Allow-Headers', headers);
  response.writeHead(204).end();
  return true;
}

/** Returns the method that a preflight request asks about, undefined for any other request. */
function preflightMethod(request: IncomingMessage): string | undefined {
  return request.method === 'OPTIONS' ? request.headers['access-control-request-method'] : undefined;
}

/** Tells whether a page comes from the host that it asks. Over TLS, only one that was loaded with TLS does. */
function isSameHost(origin: string, { headers: { host }, socket }: IncomingMessage): boolean {
  if (host === undefined) return false;
  const isSecure = (socket as Partial<TLSSocket>).encrypted === true;
  const own = decodeHeaderValue(host);
  return isOneOf(isSecure ? [`https://${own}`] : originsOf(own), origin);
}

function matchesOrigin(host: string, origin: string): boolean {
  return host === '*' || isOneOf(host.includes('://') ? [host] : originsOf(host), origin);
}

function originsOf(host: string): string[] {
  return [`http://${host}`, `https://${host}`];
}

/** Compares origins in the form in which browsers send them: names in ASCII and in lower case. */
function isOneOf(allowed: readonly string[], origin: string): boolean {
  const asked = normalizeOrigin(decodeHeaderValue(origin));
  return asked !== undefined && allowed.some((each) => normalizeOrigin(each) === asked);
}

function allowedMethods(rule: CORSRule): string | undefined {
  if (rule.methods === undefined) return undefined;
  return rule.methods
    .split(';')
    .map((method) => method.trim().toUpperCase())
    .join(', ');
}

function allowsMethod(rule: CORSRule, method: string): boolean {
  return allowedMethods(rule)?.split(', ').includes(method) ?? true;
}

/**
 * Tells whether a request asks for an allowed host, in its Host header and in its target, which may be a whole URL (RFC
 * 9112 section 3.2.2).
 */
export function asksForAllowedHost(hosts: HostRule, { url = '', headers, rawHeaders }: UpgradeRequest): boolean {
  // Node shows the first of several Host headers. A request that the fast path has read has no repeated headers.
  const isRepeated = (rawHeaders ?? []).filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length > 1;
  const host = isRepeated || typeof headers.host !== 'string' ? undefined : headers.host;
  const { authority } = splitTarget(url);
  return hosts.allows(host) && (authority === undefined || hosts.allows(authority));
}

/** Returns the path of a request's target, without the query. */
function pathOf(request: IncomingMessage): string {
  return splitTarget(request.url ?? '/').path;
}

/** Splits a request's target, which may be a whole URL. A path has no authority. */
function splitTarget(target: string): { readonly authority: string | undefined; readonly path: string } {
  const query = target.indexOf('?');
  const withoutQuery = query < 0 ? target : target.slice(0, query);
  const scheme = withoutQuery.startsWith('/') ? -1 : withoutQuery.indexOf('://');
  if (scheme < 0) return { authority: undefined, path: withoutQuery };
  const start = scheme + '://'.length;
  const path = withoutQuery.indexOf('/', start);
  if (path < 0) return { authority: withoutQuery.slice(start), path: '/' };
  return { authority: withoutQuery.slice(start, path), path: withoutQuery.slice(path) };
}
