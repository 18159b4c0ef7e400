import fs, { type ReadStream } from 'node:fs';
import { onTestFinished, vi } from 'vitest';
import { Inbox } from './inbox.ts';

/** Keeps an eye on the files that are looked up, and opened for reading, until the test ends. */
export class OpenedFiles {
  readonly #files = new Inbox<ReadStream>();
  /** Paths of the files that were looked up so far. */
  readonly lookedUp: string[] = [];

  /** @param beforeOpening - called with the path of each file before it is opened */
  constructor(beforeOpening: (path: string) => void = () => {}) {
    const { createReadStream, stat } = fs;
    const statSpy = vi.spyOn(fs, 'stat').mockImplementation(((path: string, done: never) => {
      this.lookedUp.push(path);
      stat(path, done);
    }) as never);
    const spy = vi.spyOn(fs, 'createReadStream').mockImplementation((path, options) => {
      beforeOpening(String(path));
      const file = createReadStream(path, options);
      this.#files.push(file);
      return file;
    });
    onTestFinished(() => {
      spy.mockRestore();
      statSpy.mockRestore();
    });
  }

  /** All files that were opened so far, oldest first. */
  get all(): readonly ReadStream[] {
    return this.#files.all;
  }

  get openCount(): number {
    return this.all.filter(({ closed }) => !closed).length;
  }

  /** Resolves when this many files have been opened. */
  async atLeast(count: number): Promise<void> {
    await this.#files.atLeast(count);
  }

  /** Resolves when all files that were opened so far are closed. */
  async allClosed(): Promise<void> {
    const open = this.all.filter(({ closed }) => !closed);
    await Promise.all(open.map((file) => new Promise<void>((resolve) => file.once('close', () => resolve()))));
  }
}
