/** Redis and Valkey in processes of their own, for tests and for programs that measure. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeCertificate } from '../helpers/certificate.ts';
import { type BrokerKind, commandOf } from './programs.ts';

/** What a server keeps on disk: nothing, or each command, written out once in a second or before it is answered. */
export type Persistence = 'none' | 'everysec' | 'always';

export interface ServerOptions {
  readonly kind: BrokerKind;
  /** Default `'none'`. */
  readonly persistence?: Persistence;
  /** Default: one that is free. */
  readonly port?: number;
  /** Further arguments of the program, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** True: the server speaks TLS only, and asks for a password. */
  readonly isSecured?: boolean;
}

/** The password of a secured server, with characters that a URL must escape. */
const PASSWORD = 'p@ss/word%:1';

const READY = /Ready to accept connections/;

/** A port of 127.0.0.1 that nobody uses at the moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A running server. */
export class BrokerServer {
  readonly kind: BrokerKind;
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), '4d-broker-'));
  readonly #options: ServerOptions;
  /** The certificate of a secured server, which is its own authority. */
  readonly ca: string | undefined;
  #process: ChildProcess | undefined;
  #output = '';
  readonly #killAtExit = (): void => void this.#process?.kill('SIGKILL');

  constructor(options: ServerOptions, port: number) {
    this.kind = options.kind;
    this.port = port;
    this.#options = options;
    if (options.isSecured) {
      const { key, cert } = makeCertificate();
      writeFileSync(join(this.#folder, 'key.pem'), key);
      writeFileSync(join(this.#folder, 'cert.pem'), cert);
      this.ca = cert;
    }
    process.on('exit', this.#killAtExit);
  }

  get url(): string {
    if (this.#options.isSecured) return `rediss://:${encodeURIComponent(PASSWORD)}@localhost:${this.port}`;
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Id of the process; undefined while the server is down. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** All that the server has printed. */
  get output(): string {
    return this.#output;
  }

  /** Starts the server. Resolves when it accepts connections, with the data of its last run loaded. */
  async start(): Promise<void> {
    const { persistence = 'none', args = [] } = this.#options;
    const isKept = persistence !== 'none';
    const child = spawn(
      commandOf(`${this.kind}-server`),
      [
        '--bind',
        '127.0.0.1',
        '--dir',
        this.#folder,
        '--save',
        '',
        '--appendonly',
        isKept ? 'yes' : 'no',
        '--appendfsync',
        isKept ? persistence : 'no',
        ...this.#portArgs(),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#process = child;
    const start = this.#output.length;
    await new Promise<void>((resolve, reject) => {
      const onText = (text: string): void => {
        this.#output += text;
        if (READY.test(this.#output.slice(start))) resolve();
      };
      child.stdout.setEncoding('utf8').on('data', onText);
      child.stderr.setEncoding('utf8').on('data', onText);
      child.on('error', reject);
      child.on('close', () => reject(new Error(`${this.kind} ended:\n${this.#output.slice(start)}`)));
    });
  }

  /** Ends the process at once. Its data are what is on disk. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }

  /** Has the process do nothing until {@link continue}. */
  stop(): void {
    this.#process?.kill('SIGSTOP');
  }

  continue(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends the process at once and starts it on the same port with the data that are on disk. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Asks the server something by its command line client; resolves to what that prints. */
  async cli(...args: readonly string[]): Promise<string> {
    const command = commandOf(`${this.kind}-cli`);
    const secured = ['--tls', '--cacert', join(this.#folder, 'cert.pem'), '--no-auth-warning', '-a', PASSWORD];
    const all = ['-h', '127.0.0.1', '-p', `${this.port}`, ...(this.#options.isSecured ? secured : []), ...args];
    const { stdout } = await promisify(execFile)(command, all);
    return stdout.trimEnd();
  }

  #portArgs(): string[] {
    if (!this.#options.isSecured) return ['--port', `${this.port}`];
    const files = ['cert', 'key'].flatMap((name) => [`--tls-${name}-file`, join(this.#folder, `${name}.pem`)]);
    const tls = ['--tls-port', `${this.port}`, '--tls-auth-clients', 'no', '--tls-ca-cert-dir', this.#folder];
    return ['--port', '0', ...tls, ...files, '--requirepass', PASSWORD];
  }

  /** Ends the server and removes its data. */
  async close(): Promise<void> {
    process.off('exit', this.#killAtExit);
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Starts a server. The caller closes it. */
export async function startServer(options: ServerOptions): Promise<BrokerServer> {
  const server = new BrokerServer(options, options.port ?? (await findFreePort()));
  try {
    await server.start();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}
