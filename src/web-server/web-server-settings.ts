import type { FourDError } from '../errors.ts';
import { HostRule } from '../session/host-rule.ts';
import { FOREIGN_OPTIONS } from '../session/foreign-names.ts';
import { invalidOption, readGuarded, readList, readOptions } from '../session/option-checks.ts';

/** One allowed host of `CORSSettings`. */
export interface CORSRule {
  /** Allowed origin, for example `https://example.com`, or `*` for any. A host without scheme allows both schemes. */
  readonly host: string;
  /** Allowed methods, separated by semicolons, for example `get;post`. Default: all. */
  readonly methods?: string | undefined;
}

/** Settings of a {@link WebServer}, named as in 4D. */
export interface WebServerSettings {
  /** Name of the server. Default `"default"`. */
  readonly name?: string | undefined;
  /** Whether the server listens for HTTP. Default true. */
  readonly HTTPEnabled?: boolean | undefined;
  /**
   * HTTP port. Default 80, as in 4D. 0 takes a free port: the property `HTTPPort` of the running server tells which.
   */
  readonly HTTPPort?: number | undefined;
  /** Whether the server listens for HTTPS. Default false. Needs `certificateFolder`. */
  readonly HTTPSEnabled?: boolean | undefined;
  /**
   * HTTPS port. Default 443, as in 4D. 0 takes a free port: the property `HTTPSPort` of the running server tells which.
   */
  readonly HTTPSPort?: number | undefined;
  /** Address to listen on, for example `127.0.0.1`. Default `''`: all addresses, so other machines can connect too. */
  readonly IPAddressToListen?: string | undefined;
  /**
   * Folder of the files to serve. Default none. All files in it are public, except names that begin with a dot. Needs
   * the package `send`: without it the start fails with `ERR_STATIC_FILES_UNAVAILABLE`.
   */
  readonly rootFolder?: string | undefined;
  /**
   * Whether files are served that symbolic links in `rootFolder` point at outside of it. Default false: they get 404.
   * With true, whoever can create a link in the folder decides which files of the machine are public.
   */
  readonly followLinks?: boolean | undefined;
  /** File of a folder that a request for the folder gets. Default `index.html`. */
  readonly defaultHomepage?: string | undefined;
  /** Folder with `key.pem` and `cert.pem`. */
  readonly certificateFolder?: string | undefined;
  /**
   * Oldest TLS version accepted: 1 = 1.0, 2 = 1.1, 3 = 1.2 (default), 4 = 1.3. 1 and 2 also allow weak ciphers: use
   * them only for peers that support nothing newer.
   */
  readonly minTLSVersion?: 1 | 2 | 3 | 4 | undefined;
  /** Whether pages of other hosts may send requests. Default false: browsers then keep the answers from such pages. */
  readonly CORSEnabled?: boolean | undefined;
  /** Hosts whose pages may send requests when `CORSEnabled`; pages of other hosts get 403. Default none. */
  readonly CORSSettings?: readonly CORSRule[] | undefined;
  /**
   * Hosts that requests may ask for, by the header Host; others get 421, upgrades too. Names (`example.com`,
   * `localhost`), all names below one (`*.example.com`), IP addresses (`127.0.0.1`, `[::1]`), each for all ports or with
   * one port (`example.com:8080`). Default: all hosts.
   *
   * Stops DNS rebinding: a page that reaches this server under a name of its own, because its DNS answer points here,
   * counts as a page of the same host. A server on a developer's machine or in a private network should name its hosts.
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Longest time in milliseconds for a client to send a whole request, with its body; then it gets 408. Default 30 000,
   * at most a quarter of a second late; Infinity for no limit. Stops bodies of a byte per second. The head of a request has less
   * time: see `handshakeTimeoutMs` of `WebSocketServer`.
   */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Longest time in milliseconds in which a client takes nothing of an answer that waits for it; then it is cut off, at
   * the latest after twice this time. Default 20 000; Infinity for no limit. Stops clients that fetch files and do not
   * read them, each of which holds a socket and a file. An answer that your program takes long to make does not count.
   */
  readonly responseStallMs?: number | undefined;
  /**
   * Most TCP connections of this web server, on both ports together, whatever they are used for: plain requests, idle
   * ones between two requests, WebSockets, unfinished TLS handshakes. Further ones are closed, over plain HTTP with 503.
   * Default Infinity. Stops floods of connections before file handles run out.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Most TCP connections of one IP address (with IPv6 of one /64 network), counted as for `maxConnections`. Default
   * Infinity. Stops a single client from taking all connections. Behind a proxy all clients have its address: leave the
   * limit out there.
   */
  readonly maxConnectionsPerAddress?: number | undefined;
}

/** Settings with every default filled in. */
export type CheckedSettings = Readonly<{
  [K in keyof WebServerSettings]-?: K extends 'rootFolder' | 'certificateFolder' | 'hosts'
    ? WebServerSettings[K]
    : Exclude<WebServerSettings[K], undefined>;
}>;

const DEFAULTS: CheckedSettings = {
  name: 'default',
  HTTPEnabled: true,
  HTTPPort: 80,
  HTTPSEnabled: false,
  HTTPSPort: 443,
  IPAddressToListen: '',
  rootFolder: undefined,
  followLinks: false,
  defaultHomepage: 'index.html',
  certificateFolder: undefined,
  minTLSVersion: 3,
  CORSEnabled: false,
  CORSSettings: [],
  hosts: undefined,
  requestTimeoutMs: 30_000,
  responseStallMs: 20_000,
  maxConnections: Infinity,
  maxConnectionsPerAddress: Infinity,
};

/** What a setting may be, and how an error says so. */
interface SettingCheck {
  readonly accepts: (value: unknown) => boolean;
  readonly wants: string;
}

const LIMIT: SettingCheck = { accepts: isLimit, wants: 'a whole number, 1 or more, or Infinity' };

const CHECKS: Readonly<Record<keyof WebServerSettings, SettingCheck>> = {
  name: { accepts: isText, wants: 'a string' },
  HTTPEnabled: { accepts: isBoolean, wants: 'true or false' },
  HTTPPort: { accepts: isPort, wants: 'a whole number from 0 to 65535' },
  HTTPSEnabled: { accepts: isBoolean, wants: 'true or false' },
  HTTPSPort: { accepts: isPort, wants: 'a whole number from 0 to 65535' },
  IPAddressToListen: { accepts: isText, wants: 'a string' },
  rootFolder: { accepts: isFilledText, wants: 'a string that is not empty' },
  followLinks: { accepts: isBoolean, wants: 'true or false' },
  defaultHomepage: { accepts: isFilledText, wants: 'a string that is not empty' },
  certificateFolder: { accepts: isFilledText, wants: 'a string that is not empty' },
  minTLSVersion: { accepts: (value) => [1, 2, 3, 4].includes(value as number), wants: '1, 2, 3 or 4' },
  CORSEnabled: { accepts: isBoolean, wants: 'true or false' },
  CORSSettings: { accepts: isCorsSettings, wants: 'an array of { host, methods? }' },
  hosts: { accepts: Array.isArray, wants: 'an array of hosts such as "example.com"' },
  requestTimeoutMs: LIMIT,
  responseStallMs: LIMIT,
  maxConnections: LIMIT,
  maxConnectionsPerAddress: LIMIT,
};

const SETTING_NAMES: ReadonlySet<string> = new Set(Object.keys(CHECKS));

/**
 * Copies settings of the user, once: getters and Proxies run user code, which may throw.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function readSettings(given: WebServerSettings): WebServerSettings {
  const settings = readOptions(given, SETTING_NAMES, 'HTTP', {
    noun: 'setting',
    foreign: FOREIGN_OPTIONS.webServer,
  });
  const { CORSSettings: rules, hosts } = settings;
  const ownRules = readGuarded('CORSSettings', () => copyRules(rules), 'HTTP', 'setting');
  const ownHosts = readList('hosts', hosts, 'HTTP', 'setting') as string[] | undefined;
  return { ...settings, ...(ownRules && { CORSSettings: ownRules }), ...(ownHosts && { hosts: ownHosts }) };
}

/** Returns undefined for a value that is no array, which the check refuses, as it does with a rule that is no object. */
function copyRules(rules: unknown): CORSRule[] | undefined {
  if (!Array.isArray(rules)) return undefined;
  return Array.from(rules as CORSRule[], (rule) =>
    isObject(rule) ? { host: rule.host, methods: rule.methods } : rule,
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/**
 * Checks settings and fills in the missing ones from the later layers, then from the defaults.
 *
 * @param layers - the first layer that has a setting wins
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkSettings(...layers: readonly WebServerSettings[]): CheckedSettings {
  const checked: Record<string, unknown> = { ...DEFAULTS };
  for (const layer of layers.toReversed()) {
    for (const [name, value] of Object.entries(readSettings(layer)) as [keyof WebServerSettings, unknown][]) {
      const check = CHECKS[name];
      if (!check.accepts(value)) throw invalidSetting(`${name} must be ${check.wants}`);
      checked[name] = value;
    }
  }
  if (checked.HTTPEnabled === false && checked.HTTPSEnabled === false) {
    throw invalidSetting('HTTPEnabled and HTTPSEnabled are both false: set one of them to true');
  }
  if (checked.HTTPSEnabled === true && checked.certificateFolder === undefined) {
    throw invalidSetting('HTTPSEnabled needs certificateFolder, the folder of key.pem and cert.pem');
  }
  // The rule throws when it cannot understand a host.
  if (checked.hosts !== undefined) void new HostRule(Object.freeze(checked.hosts), 'HTTP');
  return Object.freeze(checked) as unknown as CheckedSettings;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isFilledText(value: unknown): boolean {
  return isText(value) && value !== '';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}

function isLimit(value: unknown): boolean {
  return value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1);
}

function isCorsSettings(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (rule: unknown) =>
        typeof rule === 'object' &&
        rule !== null &&
        isText((rule as CORSRule).host) &&
        ((rule as CORSRule).methods === undefined || isText((rule as CORSRule).methods)),
    )
  );
}

function invalidSetting(problem: string): FourDError {
  return invalidOption(problem, 'HTTP', 'setting');
}
