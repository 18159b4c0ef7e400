import {
  checkNumber,
  checkNumbers,
  COUNT,
  invalidOption,
  kindOf,
  type NumberRange,
  quoted,
  readList,
  readOptions,
} from '../session/option-checks.ts';
import type { Broker, Retention } from '../topics/broker.ts';

/** Most of what clients may do. Beyond it they get an `err` frame; nobody else is affected. */
export interface TopicLimits {
  /** Topics that one connection may be subscribed to. Default 1 000. Stops clients that fill memory with subscriptions. */
  readonly topics: number;
  /** Subscriptions of one connection in a second, on average. Default 100. Protects what `onSubscribe` asks. */
  readonly subscribesPerSecond: number;
  /** Subscriptions of one connection that may come at once, as after a reconnection. Default 1 000. */
  readonly subscribesAtOnce: number;
  /** Messages that one connection may publish in a second, and at once. Default 100. */
  readonly publishesPerSecond: number;
  /** Longest message in bytes of its JSON, or of binary data. Default 65 536. Holds for the program too. */
  readonly payloadBytes: number;
}

/** The option `topics` of a server. */
export interface TopicsOptions {
  /**
   * Where topics are kept. Default `memoryBroker()`: in this process, for as long as the server runs.
   *
   * @remarks A broker that cannot be opened is tried again each second, and onError of the server handler, or else the error
   * handler, hears why, once for each reason: `ERR_BROKER_DOWN` when it cannot be reached, `ERR_BROKER_MISCONFIGURED` when its
   * settings are wrong. `WebSocketServer.serve` rejects with the latter when it is the answer to the first attempt.
   */
  readonly broker?: Broker | undefined;
  /** How much of each topic is kept. */
  readonly history?: Partial<Retention> | undefined;
  /**
   * What becomes of a subscriber that does not keep up. `'catchUp'` (default): it gets everything, later; `onGap` tells
   * when the history does not reach that far back. `'latest'`: it skips to the newest message, or to the newest of each key;
   * `onGap` tells when more has passed than the history holds, and what is kept follows. `'close'`: its connection ends
   * with 1013.
   */
  readonly onSlow?: OnSlow | undefined;
  readonly presence?: PresenceOptions | undefined;
  /** Topics that are kept otherwise, by the beginning of their names. The longest prefix decides. */
  readonly rules?: readonly TopicRule[] | undefined;
  readonly limits?: Partial<TopicLimits> | undefined;
}

/** What becomes of a subscriber that does not keep up. */
export type OnSlow = 'catchUp' | 'latest' | 'close';

/** Settings of who is in a topic. */
export interface PresenceOptions {
  /** Members above which only their number is told. Default 1 000. */
  readonly max?: number | undefined;
  /** Time in milliseconds within which a member that has left may come back unnoticed. Default 5 000. */
  readonly leaveGraceMs?: number | undefined;
}

/** How the topics whose names begin alike are kept. */
export interface TopicRule {
  readonly prefix: string;
  readonly history: Partial<Retention>;
}

/** The option `topics`, checked, with every default filled in. */
export interface CheckedTopics {
  /** Undefined for a memory broker of the server's own. */
  readonly broker: Broker | undefined;
  readonly history: Retention;
  readonly onSlow: OnSlow;
  readonly presence: { readonly max: number; readonly leaveGraceMs: number };
  /** The longest prefix first. */
  readonly rules: readonly { readonly prefix: string; readonly history: Retention }[];
  readonly limits: TopicLimits;
}

const TOPICS_KEYS: ReadonlySet<string> = new Set<keyof TopicsOptions>([
  'broker',
  'history',
  'onSlow',
  'presence',
  'rules',
  'limits',
]);

const BROKER_METHODS = [
  'open',
  'append',
  'read',
  'watch',
  'unwatch',
  'renew',
  'close',
] as const satisfies readonly (keyof Broker)[];

/** Topics are compared with the broker's about every 25 s: see the head check of readers. */
const MIN_SECONDS = 60;

const HISTORY: Readonly<Record<keyof Retention, NumberRange>> = {
  messages: { default: 256, min: 0, max: 1_000_000 },
  seconds: { default: 300, min: MIN_SECONDS, max: 31_536_000 },
  bytes: { default: 1_048_576, min: 1, max: Number.MAX_SAFE_INTEGER },
  stateSeconds: { default: 86_400, min: MIN_SECONDS, max: 31_536_000 },
};

const LIMITS: Readonly<Record<keyof TopicLimits, NumberRange>> = {
  topics: { default: 1000, ...COUNT },
  subscribesPerSecond: { default: 100, ...COUNT },
  subscribesAtOnce: { default: 1000, ...COUNT },
  publishesPerSecond: { default: 100, ...COUNT },
  payloadBytes: { default: 65_536, ...COUNT },
};

const PRESENCE: Readonly<Record<keyof CheckedTopics['presence'], NumberRange>> = {
  max: { default: 1000, min: 0, max: 1000 },
  leaveGraceMs: { default: 5000, min: 0, max: 60_000 },
};

const SLOW: readonly OnSlow[] = ['catchUp', 'latest', 'close'];

/**
 * Checks the option `topics` and fills in the defaults.
 *
 * @returns undefined when topics are off
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkTopics(given: unknown): CheckedTopics | undefined {
  if (given === undefined || given === false) return undefined;
  if (given !== true && (typeof given !== 'object' || given === null)) {
    throw invalidOption(`topics must be true, false or an object; received ${kindOf(given)}`, 'HTTP');
  }
  const options = readOptions(given === true ? {} : (given as TopicsOptions), TOPICS_KEYS, 'HTTP', {
    prefix: 'topics.',
  });
  const { onSlow = 'catchUp', broker } = options;
  if (!SLOW.includes(onSlow)) {
    throw invalidOption(`topics.onSlow must be ${SLOW.map(quoted).join(', ')}; received ${quoted(onSlow)}`, 'HTTP');
  }
  if (broker !== undefined && !isBroker(broker)) {
    throw invalidOption(`topics.broker must be a broker, such as memoryBroker(); received ${kindOf(broker)}`, 'HTTP');
  }
  const history = checkHistory(options.history, 'topics.history', defaultsOf(HISTORY));
  return {
    broker,
    history,
    onSlow,
    presence: checkGroup(options.presence, 'topics.presence', PRESENCE),
    rules: checkRules(options.rules, history),
    limits: checkGroup(options.limits, 'topics.limits', LIMITS),
  };
}

function checkGroup<Name extends string>(
  given: Partial<Record<Name, number | undefined>> | undefined,
  name: string,
  ranges: Readonly<Record<Name, NumberRange>>,
): Record<Name, number> {
  const prefix = `${name}.`;
  const options = readOptions<Partial<Record<Name, number | undefined>>>(
    given ?? {},
    new Set(Object.keys(ranges)),
    'HTTP',
    { prefix },
  );
  for (const key in ranges) {
    if (options[key] !== undefined) checkNumber(`${prefix}${key}`, options[key], ranges[key], 'HTTP');
  }
  return checkNumbers(options, ranges, 'HTTP');
}

/** @param defaults - what holds where nothing is said */
function checkHistory(given: Partial<Retention> | undefined, name: string, defaults: Retention): Retention {
  const ranges = { ...HISTORY };
  for (const key of Object.keys(HISTORY) as (keyof Retention)[])
    ranges[key] = { ...HISTORY[key], default: defaults[key] };
  return checkGroup(given, name, ranges);
}

function defaultsOf(ranges: Readonly<Record<keyof Retention, NumberRange>>): Retention {
  const { messages, seconds, bytes, stateSeconds } = ranges;
  return {
    messages: messages.default,
    seconds: seconds.default,
    bytes: bytes.default,
    stateSeconds: stateSeconds.default,
  };
}

const RULE_KEYS: ReadonlySet<string> = new Set<keyof TopicRule>(['prefix', 'history']);

/** @param history - what a rule leaves out is as in all topics */
function checkRules(given: unknown, history: Retention): CheckedTopics['rules'] {
  if (given === undefined) return [];
  const list = readList('topics.rules', given, 'HTTP');
  if (list === undefined) throw invalidOption(`topics.rules must be an array; received ${kindOf(given)}`, 'HTTP');
  const rules = list.map((item, i) => {
    const name = `topics.rules[${i}]`;
    const rule = readOptions(item as TopicRule, RULE_KEYS, 'HTTP', { prefix: `${name}.` });
    const { prefix } = rule as { readonly prefix?: unknown };
    if (typeof prefix !== 'string' || prefix === '') {
      throw invalidOption(`${name}.prefix must be a text that is not empty; received ${kindOf(prefix)}`, 'HTTP');
    }
    return { prefix, history: checkHistory(rule.history, `${name}.history`, history) };
  });
  const prefixes = rules.map(({ prefix }) => prefix);
  if (new Set(prefixes).size < prefixes.length)
    throw invalidOption('topics.rules must not have a prefix twice', 'HTTP');
  return rules.toSorted((one, other) => other.prefix.length - one.prefix.length);
}

function isBroker(value: unknown): value is Broker {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Record<string, unknown>;
  try {
    return BROKER_METHODS.every((method) => typeof members[method] === 'function');
  } catch {
    return false;
  }
}
