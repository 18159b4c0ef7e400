import type { ConnectionOptions } from 'node:tls';
import { FourDError, textOfThrown } from '../errors.ts';

/** Options of TLS, as those of `tls.connect` of Node. */
export type RedisTls = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized' | 'minVersion'
>;

/** Options of {@link redisBroker}. */
export interface RedisBrokerOptions {
  /**
   * The server: `redis://[user:password@]host[:port][/database]`, or `rediss:` for TLS. The port is 6379 without one.
   * Either this or {@link cluster} is needed.
   */
  readonly url?: string | undefined;
  /** Some servers of a cluster, from which the others are learnt: the first one that answers is asked. */
  readonly cluster?: readonly string[] | undefined;
  /** Default: that of the URL, else the server's user `default`. */
  readonly username?: string | undefined;
  /** Default: that of the URL, else none. */
  readonly password?: string | undefined;
  /** Options of TLS, or true for those of Node. Default: TLS when the URL begins with `rediss:`. */
  readonly tls?: boolean | RedisTls | undefined;
  /**
   * What the names of all keys and channels begin with, so that applications can share a server: 1 to 64 letters, digits,
   * `.`, `_`, `-` or `:`. All nodes of an application have the same. Default `'l4d'`.
   */
  readonly prefix?: string | undefined;
}

/** One server, and how to connect to it. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** {@link RedisBrokerOptions}, checked. */
export interface RedisSettings {
  /** One server, or those of the cluster to begin with. */
  readonly addresses: readonly ServerAddress[];
  readonly isCluster: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly tls: RedisTls | undefined;
  readonly prefix: string;
}

const NAMES: ReadonlySet<string> = new Set(['url', 'cluster', 'username', 'password', 'tls', 'prefix']);

const DEFAULT_PORT = 6379;

const PREFIX = /^[\w.:-]{1,64}$/;

/** @throws FourDError `ERR_INVALID_OPTION` */
export function checkRedisOptions(options: RedisBrokerOptions): RedisSettings {
  const copy = read(options);
  const unknown = Object.keys(copy).find((name) => !NAMES.has(name));
  if (unknown !== undefined) throw invalid(`has no option ${unknown}: it has ${Array.from(NAMES).join(', ')}`);
  const { url, cluster, username, password, tls, prefix = 'l4d' } = copy;
  if ((url === undefined) === (cluster === undefined)) throw invalid('needs either url or cluster');
  for (const [name, value] of Object.entries({ username, password })) {
    if (value !== undefined && typeof value !== 'string') throw invalid(`needs a text as ${name}`);
  }
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw invalid('needs 1 to 64 letters, digits, ".", "_", "-" or ":" as prefix');
  }
  if (tls !== undefined && typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null)) {
    throw invalid('needs true or the options of TLS as tls');
  }
  if (cluster !== undefined && (!Array.isArray(cluster) || cluster.length === 0)) {
    throw invalid('needs a list of URLs as cluster');
  }
  const parsed = (cluster ?? [url]).map((each) => parseUrl(each));
  const [first] = parsed;
  const isTls = parsed.some((each) => each.isTls);
  if (isTls && tls === false) throw invalid('has tls: false and a URL with rediss:');
  if (cluster !== undefined && first?.database !== 0) throw invalid('has a cluster, which has no databases');
  return {
    addresses: parsed.map(({ host, port }) => ({ host, port })),
    isCluster: cluster !== undefined,
    username: username ?? first?.username,
    password: password ?? first?.password,
    database: first?.database ?? 0,
    tls: typeof tls === 'object' ? { ...tls } : isTls || tls === true ? {} : undefined,
    prefix,
  };
}

/** Reads the options, whatever they are. */
function read(options: RedisBrokerOptions): RedisBrokerOptions {
  try {
    return { ...options };
  } catch (thrown) {
    throw invalid(`cannot read its options: ${textOfThrown(thrown)}`);
  }
}

interface ParsedUrl extends ServerAddress {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly isTls: boolean;
}

function parseUrl(text: unknown): ParsedUrl {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  const isTls = url?.protocol === 'rediss:';
  if (url === undefined || (!isTls && url.protocol !== 'redis:') || url.hostname === '') {
    throw invalid('needs URLs such as redis://127.0.0.1:6379, or rediss: for TLS');
  }
  const database = Number(url.pathname.slice(1));
  if (!Number.isSafeInteger(database) || database < 0) throw invalid('needs the number of a database behind the host');
  return {
    // The brackets around an address of IPv6 belong to the URL.
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    username: decoded(url.username),
    password: decoded(url.password),
    database,
    isTls,
  };
}

function decoded(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('needs its username and password in the URL with %25 for a percent sign');
  }
}

function invalid(what: string): FourDError {
  return new FourDError('ERR_INVALID_OPTION', `redisBroker ${what}`, { componentSignature: 'HTTP' });
}
