import { onTestFinished } from 'vitest';
import { callWorker, killWorker } from '../../src/index.ts';

let count = 0;

/** A name that no worker has. The worker, if one is made, ends with the test. */
export function workerName(): string {
  const name = `Worker ${++count}`;
  onTestFinished(() => endWorker(name));
  return name;
}

/** Runs a message in a worker. Resolves to what it returns, rejects with what it throws. */
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

/** Kills a worker and waits until it has ended, which its successor shows by running. */
export async function endWorker(name: string): Promise<void> {
  killWorker(name);
  await runInWorker(name, () => {});
  killWorker(name);
}
