import { parseArgs } from 'node:util';

/** The options of `npm run conformance`. */
export interface CommandLine {
  /** The URL of a server to test instead of the library. */
  readonly url: URL | undefined;
  readonly peers: readonly PeerName[];
  /** The beginnings of the ids to run. An empty list selects all cases. */
  readonly only: readonly string[];
  /** The largest number of messages in an exchange. */
  readonly messages: number;
  readonly timeoutMs: number;
  readonly quietMs: number;
  readonly promptMs: number;
  readonly isQuick: boolean;
  readonly needsHelp: boolean;
}

const PEER_NAMES = ['server', 'client', 'ws'] as const;

export type PeerName = (typeof PEER_NAMES)[number];

const QUIET_MS = 100;

export const USAGE = `Usage: npm run conformance -- [options]

  --url <url>         a server (ws: or wss:) that echoes every message, instead of this library
  --peer <name>       server or client of this library, or ws, the package, to compare; may be repeated (server, client)
  --only <id>         cases whose ids begin so, such as 6 or 7.1; may be repeated
  --messages <number> most messages of an exchange (1000)
  --timeout <ms>      longest wait for anything that must come (60000)
  --prompt <ms>       how soon a peer must fail when it can (500)
  --quick             small messages, and few of them`;

/** @throws Error for an unknown option or an invalid value */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      peer: { type: 'string', multiple: true, default: ['server', 'client'] },
      only: { type: 'string', multiple: true, default: [] },
      messages: { type: 'string', default: '1000' },
      timeout: { type: 'string', default: '60000' },
      prompt: { type: 'string', default: '500' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const url = values.url === undefined ? undefined : new URL(values.url);
  if (url !== undefined && !['ws:', 'wss:'].includes(url.protocol))
    throw new Error('--url must begin with ws: or wss:');
  return {
    url,
    peers: values.peer.map(checkPeer),
    only: values.only,
    messages: checkPositive('messages', values.messages),
    timeoutMs: checkPositive('timeout', values.timeout),
    quietMs: QUIET_MS,
    promptMs: checkPositive('prompt', values.prompt),
    isQuick: values.quick,
    needsHelp: values.help,
  };
}

/** Tells whether `only` selects a case. `1` selects 1.1.1 but not 12.1.1. */
export function isSelected(id: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((start) => id === start || id.startsWith(`${start}.`));
}

function checkPeer(name: string): PeerName {
  const known = PEER_NAMES.find((each) => each === name);
  if (known === undefined) throw new Error(`--peer must be one of ${PEER_NAMES.join(', ')}`);
  return known;
}

function checkPositive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number, 1 or more`);
  return value;
}
