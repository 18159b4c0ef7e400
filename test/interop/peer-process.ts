import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Program, spawnProgram } from '../helpers/program.ts';
import type { Peer } from './peers.ts';

/** A running program of a peer. Whoever starts it ends it. */
export class PeerProcess {
  /** The port that the peer listens on, 0 when it has no server. */
  readonly port: number;
  readonly #program: Program;

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
  }

  /** Builds the program of a peer if need be, starts it, and waits until it is ready. */
  static async start(peer: Peer): Promise<PeerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'peer-'));
    try {
      const file = join(folder, 'peer');
      if (peer.build !== undefined) {
        const [command, ...args] = peer.build(file);
        execFileSync(command, args);
      }
      const [command, ...args] = peer.start(file);
      const program = await spawnProgram(command, { args });
      return new PeerProcess(program, Number(await program.printed(/^(?:listening (\d+)|ready)\n/m)) || 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Writes a line to the program. */
  type(line: string): void {
    this.#program.type(line);
  }

  /** Resolves to what the program has printed about the connection of a path: code and reason of its end. */
  closed(path: string): Promise<string> {
    return this.#program.printed(new RegExp(`^closed ${path} (.*)\\n`, 'm'));
  }

  /** Resolves to what became of the handshake of a path, such as `opened chat` or `refused 403`. */
  async outcome(path: string): Promise<string> {
    const [, word, rest] = await this.#program.matched(new RegExp(`^(opened|refused|failed) ${path} (.*)\\n`, 'm'));
    return `${word} ${rest}`;
  }

  /**
   * Has the peer send a plain HTTP request. Resolves to version, status and body of the answer, without blanks in the
   * body. Java only.
   */
  async request(method: string, url: string, bodyBytes: number): Promise<string> {
    this.#program.type(`${method} ${url} ${bodyBytes}`);
    return this.#program.printed(new RegExp(`^answered ${method} ${url} (.*)\\n`, 'm'));
  }

  async kill(): Promise<void> {
    await this.#program.kill();
  }
}

/** Runs a peer while the tests of a `describe` run. Returns a function that gives the running peer to a test. */
export function usePeer(peer: Peer): () => PeerProcess {
  let running: PeerProcess | undefined;
  beforeAll(async () => {
    running = await PeerProcess.start(peer);
  });
  afterAll(() => running?.kill());
  return () => running!;
}
