import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program in a process of its own, seen from outside: its output and its end. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  /** Resolves when the process is over and all of its output has been read. */
  readonly ended: Promise<ProgramEnd>;
  #output = '';
  #hasEnded = false;
  #onOutput: (() => void)[] = [];

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#wake();
      });
    }
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.#hasEnded = true;
        this.#wake();
        resolve({ code, signal });
      });
    });
    // A program that ends first closes the pipe, which is an error for the writer.
    child.stdin.on('error', () => {});
  }

  /** Everything that the program has printed so far, to stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  get lines(): string[] {
    return this.#output.trimEnd().split('\n');
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Waits until the output matches. Resolves to the first group of the match, or to the whole match. */
  async printed(pattern: RegExp): Promise<string> {
    const match = await this.matched(pattern);
    return match[1] ?? match[0];
  }

  /** As {@link printed}. Resolves to the match with all of its groups. */
  async matched(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      if (this.#hasEnded) throw new Error(`the program ended without printing ${pattern}:\n${this.#output}`);
      await new Promise<void>((resolve) => {
        this.#onOutput.push(resolve);
      });
    }
  }

  /** Writes a line to the input of the program. */
  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Ends the input of the program, as Ctrl-D does. */
  endInput(): void {
    this.#child.stdin.end();
  }

  /** Sends a signal to the program and to the processes that it started, as a terminal does. */
  signal(name: NodeJS.Signals): void {
    process.kill(-this.#child.pid!, name);
  }

  /** Ends the program and the processes that it started, at once. Resolves when the program is over. */
  async kill(): Promise<void> {
    if (!this.#hasEnded) this.signal('SIGKILL');
    await this.ended;
  }

  #wake(): void {
    const waiting = this.#onOutput;
    this.#onOutput = [];
    for (const wake of waiting) wake();
  }
}

/** Arguments, environment and folder of a program. */
export interface ProgramOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Starts a command. The program ends with the test. */
export async function startProgram(command: string, options: ProgramOptions = {}): Promise<Program> {
  const program = await spawnProgram(command, options);
  onTestFinished(() => program.kill());
  return program;
}

/** Starts a command outside of a test. The caller ends the program. */
export async function spawnProgram(command: string, options: ProgramOptions = {}): Promise<Program> {
  const { PORT: _, ...inherited } = process.env;
  // The program gets a process group of its own, so that every process that it starts can be ended with it.
  const child = spawn(command, options.args ?? [], {
    cwd: options.cwd ?? root,
    env: { ...inherited, ...options.env },
    detached: true,
  });
  const program = new Program(child);
  await once(child, 'spawn');
  return program;
}

/**
 * Starts an example, or another TypeScript file of the project, with the sources of the library. The program ends with
 * the test.
 *
 * @param path - from the root of the project
 */
export async function startExample(path: string, options: ProgramOptions = {}): Promise<Program> {
  const program = await spawnExample(path, options);
  onTestFinished(() => program.kill());
  return program;
}

/** As {@link startExample}, outside of a test. The caller ends the program. */
export function spawnExample(path: string, options: ProgramOptions = {}): Promise<Program> {
  return spawnProgram(process.execPath, {
    ...options,
    args: ['--import', 'tsx', path, ...(options.args ?? [])],
    env: { PORT: '0', TSX_TSCONFIG_PATH: 'tsconfig.json', ...options.env },
  });
}
