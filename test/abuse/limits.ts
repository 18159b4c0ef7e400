import {
  setGlobalLimits,
  type ValidationOptions,
  type WebServerSettings,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';

/** Limits of a server and its process that an attack may change: every limit that is a number, and compression. */
export type LimitSettings = Omit<
  WebSocketServerOptions,
  | 'path'
  | 'dataType'
  | 'webServer'
  | 'hosts'
  | 'origins'
  | 'trustedProxies'
  | 'protocols'
  | 'bufferPolicy'
  | 'borrowed'
  | 'warnings'
  | 'topics'
  | keyof ValidationOptions<never>
> & { readonly maxIncompleteBytes?: number | undefined };

const WEB_NAMES = ['requestTimeoutMs', 'responseStallMs', 'maxConnections', 'maxConnectionsPerAddress'] as const;

/** Limits of a web server that an attack may change. */
export type WebLimitSettings = Pick<WebServerSettings, (typeof WEB_NAMES)[number]>;

/** Every limit that is a number, with the defaults filled in. */
export type Limits = { readonly [K in Exclude<keyof LimitSettings, 'compression'>]-?: number };

/** Largest value of `maxMessageBytes`, the only limit that cannot be Infinity. */
const LONGEST_MESSAGE_BYTES = 536_870_888;

const DEFAULT_INCOMPLETE_BYTES = partialMessageBudget.limitBytes;

/** Returns the limits that apply with these settings. */
export function limitsOf({ maxIncompleteBytes = DEFAULT_INCOMPLETE_BYTES, ...options }: LimitSettings): Limits {
  return { ...parseServerOptions(options).limits, maxIncompleteBytes };
}

/** Sets the limits of the process, and returns the options of the server. */
export function applySettings({ maxIncompleteBytes, ...options }: LimitSettings): WebSocketServerOptions {
  setGlobalLimits({ maxIncompleteBytes });
  return options;
}

/** What the names of the web server's limits begin with: a WebSocket server has limits of the same names. */
const WEB_PREFIX = 'web.';

/** Names of the limits that {@link switchOff} and {@link switchOffWeb} know. */
export const LIMIT_NAMES: readonly string[] = [
  ...Object.entries(limitsOf({}))
    .filter(([, value]) => typeof value === 'number')
    .map(([name]) => name)
    .toSorted(),
  ...WEB_NAMES.map((name) => WEB_PREFIX + name),
];

/** Switches limits off, whatever the settings say: for the counter-check. Limits of the web server are left alone. */
export function switchOff(settings: LimitSettings, names: readonly string[]): LimitSettings {
  const off = names
    .filter((name) => !name.startsWith(WEB_PREFIX))
    .map((name) => [name, name === 'maxMessageBytes' ? LONGEST_MESSAGE_BYTES : Infinity] as const);
  return { ...settings, ...Object.fromEntries(off) };
}

/** Switches limits of the web server off, as {@link switchOff} does with the others. */
export function switchOffWeb(settings: WebLimitSettings, names: readonly string[]): WebLimitSettings {
  const off = WEB_NAMES.filter((name) => names.includes(WEB_PREFIX + name)).map((name) => [name, Infinity] as const);
  return { ...settings, ...Object.fromEntries(off) };
}
