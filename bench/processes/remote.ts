import { type ChildProcess, spawn } from 'node:child_process';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CallAnswer, CallRequest } from './answer-calls.ts';

/** Time for any call, even for opening thousands of connections to a slow server. */
const CALL_TIMEOUT_MS = 90_000;

/** A young generation for seconds of garbage: each collection makes messages of the load late. */
const LOAD_OPTIONS: readonly string[] = ['--min-semi-space-size=64', '--max-semi-space-size=64'];

type Calls<C> = { [K in keyof C]: (argument: never) => Promise<unknown> };

/** Options of a process. */
export interface RemoteOptions {
  /** Processor to pin the process to; undefined leaves the choice to the system. */
  readonly processor?: number | undefined;
  /** Options of Node. Default: the options of this process, which in tests let Node run TypeScript. */
  readonly execArgv?: readonly string[];
}

/** A child process that answers calls. */
export class Remote<C extends Calls<C>> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(result: never): void; reject(error: Error): void }>();
  readonly #hasExited: Promise<void>;
  #lastId = 0;
  #isOver = false;

  /** @param program - name of a `…-process` file of this folder, or the URL of another such file */
  constructor(
    program: 'server' | 'load' | 'client' | 'scale-server' | 'scale-clients' | URL,
    { processor, execArgv = process.execArgv }: RemoteOptions = {},
  ) {
    const url =
      program instanceof URL ? program : new URL(`${program}-process${extname(import.meta.url)}`, import.meta.url);
    const script = fileURLToPath(url);
    const name = basename(script, `-process${extname(script)}`);
    const options = program === 'load' ? LOAD_OPTIONS : [];
    const command = [process.execPath, ...execArgv, ...options, '--expose-gc', script];
    const [file = '', ...rest] = processor === undefined ? command : ['taskset', '-c', String(processor), ...command];
    this.#child = spawn(file, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (answer) => this.#onAnswer(answer as CallAnswer));
    this.#hasExited = new Promise((resolve) => {
      this.#child.on('error', (error) => this.#fail(error));
      this.#child.on('exit', (code, signal) => {
        this.#fail(new Error(`the ${name} process ended: ${signal ?? `exit code ${code}`}`));
        resolve();
      });
    });
  }

  /** Calls a function of the process. */
  ask<K extends keyof C & string>(call: K, argument: Parameters<C[K]>[0]): ReturnType<C[K]> {
    const id = ++this.#lastId;
    const result = new Promise((resolve, reject) => {
      if (this.#isOver) throw new Error('the process has ended');
      this.#waiting.set(id, { resolve, reject });
      setTimeout(() => reject(new Error(`no answer to "${call}" in ${CALL_TIMEOUT_MS} ms`)), CALL_TIMEOUT_MS).unref();
      this.#child.send({ id, call, argument } satisfies CallRequest);
    });
    return result as ReturnType<C[K]>;
  }

  /** Ends the process, and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isOver = true;
    // The process exits when it is disconnected.
    if (this.#child.connected) this.#child.disconnect();
    const emergency = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#hasExited;
    clearTimeout(emergency);
  }

  #onAnswer(answer: CallAnswer): void {
    const caller = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) caller?.reject(new Error(answer.error));
    else caller?.resolve(answer.result as never);
  }

  #fail(error: Error): void {
    this.#isOver = true;
    for (const caller of this.#waiting.values()) caller.reject(error);
    this.#waiting.clear();
  }
}
