import { setGlobalLimits, type WebSocketServerOptions } from '../../src/index.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';

/** Limits of a server and its process that an attack may change: every limit that is a number, and compression. */
export type LimitSettings = Omit<
  WebSocketServerOptions,
  'path' | 'dataType' | 'webServer' | 'hosts' | 'origins' | 'trustedProxies' | 'protocols' | 'bufferPolicy'
> & { readonly maxIncompleteBytes?: number | undefined };

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

/** Names of the limits that {@link switchOff} knows. */
export const LIMIT_NAMES: readonly string[] = Object.entries(limitsOf({}))
  .filter(([, value]) => typeof value === 'number')
  .map(([name]) => name)
  .toSorted();

/** Switches limits off, whatever the settings say: for the counter-check. */
export function switchOff(settings: LimitSettings, names: readonly string[]): LimitSettings {
  const off = names.map((name) => [name, name === 'maxMessageBytes' ? LONGEST_MESSAGE_BYTES : Infinity] as const);
  return { ...settings, ...Object.fromEntries(off) };
}
