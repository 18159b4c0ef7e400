import { BrokerError } from '../topics/broker.ts';
import { type Link, ServerRefusal, type Reply } from './link.ts';

/** The oldest version of Redis with what the scripts need: sharded channels, flags of scripts, `PEXPIRE … GT`. */
const OLDEST_VERSION = 7;

/** Ten seconds of a feed of 3 MB/s. The defaults of the servers are these. */
const MIN_FEED_HARD = 32 * 1024 * 1024;
const MIN_FEED_SOFT = 8 * 1024 * 1024;

/**
 * Checks that a server can keep topics.
 *
 * @throws BrokerError `'misconfigured'` with a sentence that says what is wrong and what to do; what is wrong with the
 *   connection as {@link Link.send} has it
 */
export async function checkServer(link: Link, isCluster: boolean): Promise<void> {
  const info = readInfo(await link.send(['INFO']));
  const version = info.get('valkey_version') ?? info.get('redis_version') ?? '';
  if (!(Number.parseInt(version, 10) >= OLDEST_VERSION)) {
    throw misconfigured(`the server is Redis ${version}: redisBroker needs Redis 7, Valkey 8 or later`);
  }
  if ((info.get('cluster_enabled') === '1') !== isCluster) {
    throw misconfigured(
      isCluster
        ? 'the server is not part of a cluster: use the option url'
        : 'the server is part of a cluster: use the option cluster with a list of URLs',
    );
  }
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    const advice = 'the server would throw away parts of topics: set maxmemory-policy noeviction';
    throw misconfigured(`maxmemory-policy is ${policy}: ${advice}`);
  }
  checkFeedLimit(await readSetting(link, 'client-output-buffer-limit'));
}

/** `normal 0 0 0 slave … pubsub <hard> <soft> <seconds>`; undefined where a provider hides the settings. */
function checkFeedLimit(limits: string | undefined): void {
  const [, hard, soft] = /pubsub (\d+) (\d+) \d+/.exec(limits ?? '') ?? [];
  if (isEnough(hard, MIN_FEED_HARD) && isEnough(soft, MIN_FEED_SOFT)) return;
  const advice = `a burst of messages would end the connection: set it to "pubsub ${MIN_FEED_HARD} ${MIN_FEED_SOFT} 60" or more`;
  throw misconfigured(`client-output-buffer-limit is "pubsub ${hard} ${soft}": ${advice}`);
}

/** 0 is no limit. */
function isEnough(limit: string | undefined, least: number): boolean {
  return limit === undefined || limit === '0' || Number(limit) >= least;
}

async function readSetting(link: Link, name: string): Promise<string | undefined> {
  try {
    const reply = (await link.send(['CONFIG', 'GET', name])) as unknown;
    const values = reply instanceof Map ? [...reply.values()] : Object.values(reply as Readonly<Record<string, Reply>>);
    return String(values.at(-1) ?? '');
  } catch (thrown) {
    // Providers forbid the command, or rename it.
    if (thrown instanceof ServerRefusal) return undefined;
    throw thrown;
  }
}

function readInfo(reply: Reply): Map<string, string> {
  const lines = String(reply).split(/\r?\n/);
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

export function misconfigured(message: string, cause?: unknown): BrokerError {
  return new BrokerError('misconfigured', message, { cause });
}
