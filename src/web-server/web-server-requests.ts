import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { describeLostHeaders } from '../http/lost-headers.ts';
import type { UpgradableServer } from '../http/upgradable-server.ts';
import type { CORSRule, CheckedSettings } from './web-server-settings.ts';

/**
 * Makes the function that answers plain HTTP requests: CORS first, then the files of `rootFolder`.
 *
 * @remarks The `send` package sends the files; it is loaded only when there is a folder to serve. `send` follows
 * symbolic links, also out of the folder: whoever can create a link in the folder decides which files are served.
 */
export async function createRequestListener(settings: CheckedSettings): Promise<RequestListener> {
  const { rootFolder, defaultHomepage } = settings;
  const root = rootFolder === undefined ? undefined : resolve(rootFolder);
  const send = root === undefined ? undefined : (await import('send')).default;
  return function listener(this: unknown, request, response) {
    // Node calls listeners with the server as `this`.
    const lostHeaders = describeLostHeaders(this as UpgradableServer, request.rawHeaders);
    if (lostHeaders !== undefined) answer(response, 431, lostHeaders, { Connection: 'close' });
    // TRACE would show scripts of a page headers that they must not see, such as cookies (RFC 9110 section 9.3.8).
    else if (request.method === 'TRACE') answer(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
    else if (applyCors(settings, request, response)) return;
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(response, 405, 'Method Not Allowed', { Allow: 'GET, HEAD' });
    } else if (send === undefined || root === undefined) {
      answer(response, 404, 'Not Found');
    } else {
      send(request, pathOf(request), { root, index: defaultHomepage, dotfiles: 'ignore' })
        // A client must not learn whether a file is missing or forbidden: both get 404.
        .on('error', (error: { status?: number }) => {
          if (error.status === 416) answer(response, 416, 'Range Not Satisfiable');
          else if (error.status === 412) answer(response, 412, 'Precondition Failed');
          else if (error.status === 500) answer(response, 500, 'Internal Server Error');
          else answer(response, 404, 'Not Found');
        })
        .pipe(response);
    }
  };
}

/** Applies the CORS settings (Fetch standard, section 3.2). Returns true when the request is answered. */
function applyCors(settings: CheckedSettings, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (!settings.CORSEnabled) return false;
  // Every answer needs Vary, or a cache would give the answer for one origin to another.
  response.setHeader('Vary', 'Origin');
  if (origin === undefined || isSameHost(origin, request.headers.host)) return false;
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

function isSameHost(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

function matchesOrigin(host: string, origin: string): boolean {
  if (host === '*') return true;
  return host.includes('://') ? host === origin : origin === `http://${host}` || origin === `https://${host}`;
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

/** Returns the path of a request's target, which may be a whole URL (RFC 9112 section 3.2.2). */
function pathOf(request: IncomingMessage): string {
  const target = request.url ?? '/';
  const query = target.indexOf('?');
  const withoutQuery = query < 0 ? target : target.slice(0, query);
  const authority = withoutQuery.startsWith('/') ? -1 : withoutQuery.indexOf('://');
  if (authority < 0) return withoutQuery;
  const path = withoutQuery.indexOf('/', authority + '://'.length);
  return path < 0 ? '/' : withoutQuery.slice(path);
}

/** Headers that describe a file: an answer without the file must not have them. */
const FILE_HEADERS = ['Accept-Ranges', 'Cache-Control', 'Content-Length', 'ETag', 'Last-Modified'] as const;

function answer(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of FILE_HEADERS) response.removeHeader(name);
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers }).end(`${text}\n`);
}
