import { BEARER_PREFIX, isBearerSubprotocol } from '../handshake/bearer-subprotocol.ts';
import { findPatternProblem, PathPattern } from '../handshake/path-pattern.ts';
import { speaksHttp1, type UpgradableServer } from '../http/upgradable-server.ts';
import {
  checkBorrowed,
  checkCommon,
  COMMON_KEYS,
  type CheckedOptions,
  type CommonOptions,
} from '../session/common-options.ts';
import { checkDataType } from '../session/data-type.ts';
import type { DataType } from '../session/message-types.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { HostRule } from '../session/host-rule.ts';
import {
  checkNumbers,
  COUNT,
  invalidOption,
  type NumberRange,
  readGuarded,
  readOptions,
} from '../session/option-checks.ts';
import {
  type CheckedValidation,
  checkValidation,
  VALIDATION_KEYS,
  type ValidationOptions,
} from '../session/validation.ts';
import { OriginRule, type Origins } from './origins.ts';
import { SESSION_PREFIX, TOPICS_PROTOCOL } from '../topics/frames.ts';
import { type CheckedTopics, checkTopics, type TopicsOptions } from './topic-options.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { WebServer } from '../web-server/web-server.ts';

/** Options of a server. */
export interface WebSocketServerOptions extends CommonOptions, ValidationOptions<never> {
  /**
   * Path that the server answers on, compared without the query, and as what it means: `/café` is `/caf%C3%A9`. Default:
   * all paths that no other server has. `:name` takes one segment, and `*` at the end one or more:
   * `event.request.params` has them. A literal segment decides before `:name`, and that before `*`. `?`, `#`, `{`, `}`,
   * `(`, `)` and `+` are written percent-encoded.
   */
  readonly path?: string | undefined;
  /** Form in which messages arrive. Default `"text"`. */
  readonly dataType?: DataType | undefined;
  /**
   * Pages that may connect, by their origin (`https://example.com`). Default: pages of the server's own host and port; and where
   * server and client run on this machine, pages of any port of it (`http://localhost:5173`).
   * A list replaces the default, so it must name the own host too. A function decides synchronously; `'*'` allows all
   * pages.
   *
   * Stops cross-site WebSocket hijacking: a browser lets any page connect to any server, with the user's cookies. With
   * `'*'` every site that a user visits can act as that user, unless something other than cookies proves who the user
   * is. A list also stops DNS rebinding, which makes a foreign page look like one of this host; so does `hosts`. Names
   * are compared in their ASCII form. Clients without the header Origin, which every browser sends, are admitted.
   */
  readonly origins?: Origins | undefined;
  /**
   * Hosts that clients may ask for, by the header Host: names (`example.com`), all names below one (`*.example.com`), IP
   * addresses (`127.0.0.1`, `[::1]`), each for all ports or with one (`example.com:8080`). Default: all hosts. Requests
   * for other hosts are refused with 421. Names are compared in their ASCII form. Behind a proxy that `trustedProxies`
   * names, the host is that of its `X-Forwarded-Host` or `Forwarded`.
   *
   * Stops DNS rebinding: a page whose name points to this server names its own host in Host and in Origin, so it looks
   * like a page of the same host. A server that is reached from browsers by `localhost` or in a private network, and
   * lets pages of the same host in, needs the list.
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Addresses (`10.0.0.1`) or ranges (`10.0.0.0/8`, `fd00::/8`) of the proxies in front of the server. Default none.
   * `request.remoteAddress` is taken from their `X-Forwarded-For` or `Forwarded`, and `origins` and `hosts` heed their
   * `X-Forwarded-Host` and `X-Forwarded-Proto`.
   *
   * Stops forged addresses: a client can send these headers itself, so they count only when they come from a listed
   * address, and the client's address is the last one in them that is not listed. Never list a range from which clients
   * connect directly.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * The HTTP server whose upgrade requests the server takes: a running {@link WebServer}, or any HTTP(S) server of
   * Node. Default: `webServer()`, the default web server. A server of `node:http2` needs TLS and `allowHTTP1: true`.
   * With null the server takes only what is given to its `handleUpgrade`.
   */
  readonly webServer?: WebServer | UpgradableServer | null | undefined;
  /**
   * Most connections of this server, including clients that wait for `onConnection`; further clients are refused with
   * 503. Default Infinity. Stops peers that open connections until memory or file handles run out.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Most connections of one IP address (with IPv6 of one /64 network, because one client has a whole one); further ones
   * are refused with 429. Default Infinity. Stops a single client from taking all of `maxConnections`. Behind a proxy,
   * set `trustedProxies` too, or all clients count as one: the proxy.
   */
  readonly maxConnectionsPerAddress?: number | undefined;
  /**
   * Most clients that may wait for an asynchronous `onConnection`; further ones are refused with 503. Default Infinity.
   * Stops floods of handshakes from overloading a database or another service that `onConnection` asks.
   */
  readonly maxPendingHandshakes?: number | undefined;
  /**
   * Topics: publish and subscribe, history, resuming; see {@link Topics}. Default: off. `true` keeps them in this process.
   * Clients speak the subprotocol `4d-topics.1`, which then stands in front of `protocols` and need not be offered.
   */
  readonly topics?: boolean | TopicsOptions | undefined;
}

type ServerNumberOption = 'maxConnections' | 'maxConnectionsPerAddress' | 'maxPendingHandshakes';

/** Limits of a server and its connections. Frozen. */
export type ServerLimits = CheckedOptions & Readonly<Record<ServerNumberOption, number>>;

/** The parsed options of a server, with every default filled in. */
export interface ServerSettings extends CheckedValidation {
  /** The path as it was passed, undefined for all paths. */
  readonly givenPath: string | undefined;
  /** Undefined for all paths. */
  readonly path: PathPattern | undefined;
  readonly dataType: DataType;
  /** Null for none, undefined for the default one. */
  readonly webServer: WebServer | UpgradableServer | null | undefined;
  readonly origins: OriginRule;
  readonly hosts: HostRule;
  readonly proxies: TrustedProxies;
  readonly limits: ServerLimits;
  /** Undefined when topics are off. */
  readonly topics: CheckedTopics | undefined;
}

const SERVER_NUMBERS: Readonly<Record<ServerNumberOption, NumberRange>> = {
  maxConnections: { default: Infinity, ...COUNT },
  maxConnectionsPerAddress: { default: Infinity, ...COUNT },
  maxPendingHandshakes: { default: Infinity, ...COUNT },
};

/** Names of the options of a server. */
export const SERVER_KEYS: ReadonlySet<string> = new Set([
  ...COMMON_KEYS,
  ...Object.keys(SERVER_NUMBERS),
  ...VALIDATION_KEYS,
  'path',
  'dataType',
  'hosts',
  'origins',
  'topics',
  'trustedProxies',
  'webServer',
]);

/**
 * Checks the options of a server, parses them, and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION` or `ERR_INVALID_DATA_TYPE`
 */
export function parseServerOptions(given: WebSocketServerOptions): ServerSettings {
  const options = readOptions(given, SERVER_KEYS, 'HTTP', { foreign: FOREIGN_OPTIONS.server });
  const checked = checkCommon(options, 'HTTP');
  const { path, webServer } = options;
  const pattern = parsePath(path);
  if (
    !readGuarded('webServer', () => webServer === undefined || webServer === null || isWebServer(webServer), 'HTTP')
  ) {
    const advice = typeof webServer === 'function' ? '; of an Express app, pass what createServer(app) returns' : '';
    const problem = `webServer must be a WebServer, a server of node:http or node:https, or null${advice}`;
    throw invalidOption(problem, 'HTTP');
  }
  if (!readGuarded('webServer', () => !webServer || webServer instanceof WebServer || speaksHttp1(webServer), 'HTTP')) {
    throw invalidOption(
      'webServer must speak HTTP/1.1: create the server of node:http2 with createSecureServer({ allowHTTP1: true })',
      'HTTP',
    );
  }
  const dataType = checkDataType(options.dataType, 'HTTP');
  checkBorrowed(checked, dataType, 'HTTP');
  // The server answers with the subprotocol that it chose, and a token must not appear in an answer.
  if (checked.protocols.some(isBearerSubprotocol)) {
    throw invalidOption(`protocols of a server must not begin with "${BEARER_PREFIX}", which marks a token`, 'HTTP');
  }
  // Nothing of topics is loaded where there are none.
  const topics = options.topics === undefined ? undefined : checkTopics(options.topics);
  if (topics !== undefined) checkTopicProtocols(checked.protocols);
  return {
    givenPath: path,
    topics,
    path: pattern,
    dataType,
    webServer,
    origins: new OriginRule(options.origins),
    hosts: new HostRule(options.hosts, 'HTTP'),
    proxies: new TrustedProxies(options.trustedProxies),
    ...checkValidation(options, dataType, checked, 'HTTP'),
    limits: Object.freeze({ ...checked, ...checkNumbers(options, SERVER_NUMBERS, 'HTTP') }),
  };
}

function checkTopicProtocols(protocols: readonly string[]): void {
  const name = protocols.find((protocol) => protocol === TOPICS_PROTOCOL || protocol.startsWith(SESSION_PREFIX));
  if (name === undefined) return;
  const problem =
    name === TOPICS_PROTOCOL
      ? `must not hold "${TOPICS_PROTOCOL}": the option topics puts it in front`
      : `of a server with topics must not begin with "${SESSION_PREFIX}", which marks a secret`;
  throw invalidOption(`protocols ${problem}`, 'HTTP');
}

/** Parses the option `path`; `''` means all paths, as undefined does. */
function parsePath(path: unknown): PathPattern | undefined {
  if (path === undefined || path === '') return undefined;
  if (typeof path !== 'string') throw invalidOption('path must be a string', 'HTTP');
  const problem = findPatternProblem(path);
  if (problem !== undefined) throw invalidOption(problem, 'HTTP');
  return new PathPattern(path);
}

/** Tells servers from other values, such as an Express application, which is only a function. */
function isWebServer(value: unknown): boolean {
  if (value instanceof WebServer) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { on, off, listenerCount, listen } = value as Record<string, unknown>;
  return [on, off, listenerCount, listen].every((method) => typeof method === 'function');
}
