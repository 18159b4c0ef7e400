import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { normalizeOrigin } from '../handshake/authority.ts';
import { decodeHeaderValue } from '../handshake/header-grammar.ts';
import { describeHostProblem, single, type UpgradeRequest } from '../handshake/server-handshake.ts';
import { refusalOfLostHeaders } from '../http/lost-headers.ts';
import { PendingAnswers, watchAnswers } from '../http/pending-answers.ts';
import type { HttpOrHttpsServer } from '../http/upgradable-server.ts';
import type { UpgradeRefusal } from '../http/upgrade-refusal.ts';
import { refusalOfForbiddenHost, type HostRule } from '../session/host-rule.ts';
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
  server: HttpOrHttpsServer,
  settings: CheckedSettings,
  hosts: HostRule | undefined,
  files: FileServer | undefined,
): RequestListener {
  function respond(request: IncomingMessage, response: ServerResponse): void {
    const refusal = refusalOfLostHeaders(server, request.rawHeaders) ?? refusalOfHost(hosts, request);
    if (refusal !== undefined) answer(response, refusal.status, refusal.reason, { Connection: 'close' });
    // TRACE would show scripts of a page headers that they must not see, such as cookies (RFC 9110 section 9.3.8).
    else if (request.method === 'TRACE') answer(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
    else if (applyCors(settings, request, response)) return;
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
    } else if (files === undefined) answer(response, 404, 'Not Found');
    else void files.answer(request, response, pathOf(request));
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
export function limitPipelining(server: HttpOrHttpsServer): () => void {
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
 * Returns the refusal of a request for no host, for two, or for one that is not allowed; undefined when its host is right.
 *
 * @param hosts - undefined when all hosts are allowed
 */
export function refusalOfHost(hosts: HostRule | undefined, request: UpgradeRequest): UpgradeRefusal | undefined {
  const problem = describeHostProblem(request);
  if (problem !== undefined) {
    return {
      status: 400,
      cause: 'handshake',
      reason: problem,
      advice: 'The client, or a proxy in between, must be corrected.',
    };
  }
  const host = single(request.headers.host);
  return hosts === undefined || hosts.allows(host) ? undefined : refusalOfForbiddenHost(host);
}

/** Returns the path of a request's target, which may be a whole URL, without the query. */
function pathOf({ url: target = '/' }: IncomingMessage): string {
  const query = target.indexOf('?');
  const withoutQuery = query < 0 ? target : target.slice(0, query);
  const scheme = withoutQuery.startsWith('/') ? -1 : withoutQuery.indexOf('://');
  if (scheme < 0) return withoutQuery;
  const path = withoutQuery.indexOf('/', scheme + '://'.length);
  return path < 0 ? '/' : withoutQuery.slice(path);
}
