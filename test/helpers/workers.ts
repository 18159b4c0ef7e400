import { onTestFinished } from 'vitest';
import { callWorker, killWorker } from '../../src/index.ts';

let count = 0;

/** Returns a name that no worker has. A worker that is created with this name ends with the test. */
export function workerName(): string {
  const name = `Worker ${++count}`;
  onTestFinished(() => endWorker(name));
  return name;
}

/** Runs a message in a worker. Resolves to the result of the message, rejects with the error that it throws. */
export function runInWorker<T>(name: string | 1, message: () => T): Promise<Awaited<T>> {
  return new Promise((resolve, reject) => {
    callWorker(name, async () => {
      try {
        resolve(await message());
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Kills a worker and waits until it has ended: only then does its successor run a message. */
export async function endWorker(name: string): Promise<void> {
  killWorker(name);
  await runInWorker(name, () => {});
  killWorker(name);
}
