import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A node of examples/deploy/ in a process of its own, as a platform sees it. */
export class DeployedNode {
  readonly port: number;
  readonly adminPort: number;
  /** Resolves to the code with which the process ended; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Resolves when the process has sent the message for which PM2 waits. */
  readonly sentReady: Promise<unknown>;
  readonly #child: ChildProcess;

  constructor(port: number, adminPort: number, redisUrl: string) {
    this.port = port;
    this.adminPort = adminPort;
    this.#child = fork('examples/deploy/server.ts', {
      cwd: ROOT,
      execArgv: ['--import', 'tsx'],
      env: {
        ...process.env,
        TSX_TSCONFIG_PATH: 'tsconfig.json',
        HOST: '127.0.0.1',
        PORT: `${port}`,
        ADMIN_PORT: `${adminPort}`,
        REDIS_URL: redisUrl,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.exited = once(this.#child, 'exit').then(([code]: (number | null)[]) => code ?? null);
    this.sentReady = once(this.#child, 'message');
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** What the node answers to a question of its platform; status 0 when it does not listen. */
  async ask(path: string): Promise<{ readonly status: number; readonly text: string }> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.adminPort}${path}`);
      return { status: answer.status, text: (await answer.text()).trim() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

/** A free port of four digits such that the one with a 1 in front of it is free too, as chat@.service needs them. */
export async function findPortPair(): Promise<number> {
  for (;;) {
    const port = 2000 + Math.floor(Math.random() * 8000);
    if ((await isFree(port)) && (await isFree(10_000 + port))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const isListening = await Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
  ]);
  server.close();
  return isListening;
}
