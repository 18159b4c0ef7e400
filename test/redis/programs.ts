import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The kinds of servers that tests are run with. */
export const BROKER_KINDS = ['redis', 'valkey'] as const;

export type BrokerKind = (typeof BROKER_KINDS)[number];

/** The oldest version of each whose tests are run. */
const OLDEST: Readonly<Record<BrokerKind, number>> = { redis: 7, valkey: 8 };

/** Where `scripts/install-brokers.sh` puts the programs, unless it is told another folder. */
const FOLDER = process.env['BROKERS_FOLDER'] ?? fileURLToPath(new URL('../../.brokers', import.meta.url));

export const HOW_TO_INSTALL = 'scripts/install-brokers.sh';

/** The command of a program such as `redis-server`: that of the folder, else that of the machine. */
export function commandOf(program: string): string {
  const command = join(FOLDER, 'bin', program);
  return existsSync(command) ? command : program;
}

/** The version of a server program; undefined where there is none, or one that is too old. */
export function findServer(kind: BrokerKind): string | undefined {
  let printed: string;
  try {
    printed = execFileSync(commandOf(`${kind}-server`), ['--version'], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return undefined;
  }
  const version = /v=(\d+\.\d+\.\d+)/.exec(printed)?.[1];
  return version !== undefined && Number.parseInt(version, 10) >= OLDEST[kind] ? version : undefined;
}
