/** Calls from the runner to its processes, over the channel that `fork` makes. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

interface Call {
  readonly call: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly answer: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** What a process tells without being asked. */
interface Told {
  readonly told: string;
  readonly value: unknown;
}

/** What a process can be asked for, by name. */
export type Procedures = Readonly<Record<string, (argument: never) => unknown>>;

/** Answers the calls of the runner. */
export function answerCalls(procedures: Procedures): void {
  const answer = async ({ call, name, argument }: Call): Promise<void> => {
    try {
      const value = await procedures[name]!(argument as never);
      process.send?.({ answer: call, value } satisfies Answer);
    } catch (error) {
      process.send?.({ answer: call, error: (error as Error).stack ?? String(error) } satisfies Answer);
    }
  };
  process.on('message', (message: Call) => void answer(message));
  // A runner that is gone leaves nothing behind.
  process.on('disconnect', () => process.exit());
}

/** Tells the runner something. */
export function tell(told: string, value: unknown): void {
  process.send?.({ told, value } satisfies Told);
}

/** A process that answers calls, seen from the runner. */
export class Callee<P extends Procedures> {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #ended: Promise<unknown>;
  #lastCall = 0;
  #hasEnded = false;

  /**
   * @param path - of the program
   * @param settings - the program reads them as JSON, from its first argument
   * @param onTold - hears what the process tells
   */
  constructor(name: string, path: string, settings: object, onTold: (told: string, value: unknown) => void) {
    this.name = name;
    this.#child = fork(path, [JSON.stringify(settings)], { execArgv: ['--expose-gc', '--import', 'tsx'] });
    this.#ended = once(this.#child, 'exit');
    this.#child.on('message', (message: Answer | Told) => {
      if ('told' in message) {
        onTold(message.told, message.value);
        return;
      }
      const waiting = this.#waiting.get(message.answer);
      this.#waiting.delete(message.answer);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(`${name}: ${message.error}`));
    });
    this.#child.on('exit', (code, signal) => {
      this.#hasEnded = true;
      for (const waiting of this.#waiting.values()) waiting.reject(new Error(`${name} has ended: ${code ?? signal}`));
      this.#waiting.clear();
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Asks the process to do something. Rejects when it fails, ends, or takes too long. */
  async ask<Name extends keyof P & string>(
    name: Name,
    [argument]: Parameters<P[Name]>,
    timeoutMs = 60_000,
  ): Promise<Awaited<ReturnType<P[Name]>>> {
    if (this.#hasEnded) throw new Error(`${this.name} has ended`);
    const call = ++this.#lastCall;
    let timer: NodeJS.Timeout | undefined;
    try {
      return (await new Promise((resolve, reject) => {
        this.#waiting.set(call, { resolve, reject });
        timer = setTimeout(() => reject(new Error(`${this.name} does not answer "${name}"`)), timeoutMs);
        // A process that is about to end has closed its channel.
        this.#child.send({ call, name, argument } satisfies Call, (error) => {
          if (error !== null) reject(error);
        });
      })) as Awaited<ReturnType<P[Name]>>;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(call);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#hasEnded) this.#child.kill(signal);
  }

  /** Kills the process, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  async ended(): Promise<void> {
    await this.#ended;
  }
}
