import { BrokerError } from '../topics/broker.ts';
import { ServerRefusal } from './link.ts';
import type { RedisSettings } from './options.ts';
import { misconfigured } from './server-checks.ts';

/** Answers to the first command that tell of a wrong user or password. */
const WRONG_USER: ReadonlySet<string> = new Set(['WRONGPASS', 'NOAUTH', 'ERR AUTH']);

/** Says in a sentence why the broker could not be opened, without the password. */
export function toOpenError(error: unknown, { addresses, username }: RedisSettings): BrokerError {
  const thrown = error instanceof BrokerError && error.cause instanceof ServerRefusal ? error.cause : error;
  if (thrown instanceof BrokerError) return thrown;
  const server = addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof ServerRefusal) {
    const { kind } = thrown;
    if (WRONG_USER.has(kind) || /\bAUTH\b|authentication/i.test(message)) {
      const user = username === undefined ? 'the password' : `the username ${username} or its password`;
      return misconfigured(`Redis at ${server} refuses ${user}: ${message}`, thrown);
    }
    if (kind === 'NOPERM')
      return misconfigured(`Redis at ${server} forbids a command to this user: ${message}`, thrown);
    if (/unknown command/i.test(message)) return misconfigured(`${server} does not know a command: ${message}`, thrown);
    return new BrokerError('down', `Redis at ${server} is not ready: ${message}`, { cause: thrown });
  }
  const { code } = thrown as { readonly code?: unknown };
  if (typeof code === 'string' && /CERT|SELF_SIGNED|ERR_(?:SSL|TLS)|EPROTO/.test(code)) {
    return misconfigured(`TLS with Redis at ${server} fails: ${message} (${code})`, thrown);
  }
  return new BrokerError('down', `Redis cannot be reached at ${server}: ${message}`, { cause: thrown });
}
