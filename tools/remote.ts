import { type ChildProcess, spawn } from 'node:child_process';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CallAnswer, CallRequest } from './answer-calls.ts';

/** Time for any call, even for opening thousands of connections to a slow server. */
const CALL_TIMEOUT_MS = 90_000;

type Calls<C> = { [K in keyof C]: (argument: never) => Promise<unknown> };

/** Options of a process. */
export interface RemoteOptions {
  /** Processor to pin the process to; undefined leaves the choice to the system. */
  readonly processor?: number | undefined;
  /** Options of Node. Default: the options of this process, which in tests let Node run TypeScript. */
  readonly execArgv?: readonly string[];
  /** What errors call the process. Default: the name of its file. */
  readonly label?: string;
}

/** A child process that answers calls. */
export class Remote<C extends Calls<C>> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(result: never): void; reject(error: Error): void }>();
  readonly #hasExited: Promise<void>;
  #lastId = 0;
  #isOver = false;

  /** @param program - a TypeScript or JavaScript file that calls `answerCalls` */
  constructor(program: URL, { processor, execArgv = process.execArgv, label }: RemoteOptions = {}) {
    const script = fileURLToPath(program);
    const name = label ?? basename(script, `-process${extname(script)}`);
    const command = [process.execPath, ...execArgv, '--expose-gc', script];
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
  ask<K extends keyof C & string>(call: K, ...[argument]: Parameters<C[K]>): ReturnType<C[K]> {
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
