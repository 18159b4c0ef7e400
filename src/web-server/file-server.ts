import { promises as fileSystem, type ReadStream, type Stats } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join, resolve, sep } from 'node:path';
import type sendFile from 'send';
import { timers } from '../base/timers.ts';
import { FourDError, textOfThrown } from '../errors.ts';
import { answer } from './plain-answer.ts';
import type { CheckedSettings } from './web-server-settings.ts';

/** Longest wait for files to close. */
const CLOSE_TIMEOUT_MS = 1000;

interface FileOptions extends sendFile.SendOptions {
  readonly root: string;
  readonly index: string;
}

/**
 * Serves the files of `rootFolder`.
 *
 * @remarks The package `send` chooses the file and the headers, and reads the file. This class sees to it that only
 * regular files within the folder are opened, that a body is as long as announced, and that no file stays open behind its
 * answer.
 */
export class FileServer {
  readonly #send: typeof sendFile;
  readonly #options: FileOptions;
  /** Whether symbolic links may lead out of the folder. */
  readonly #followsLinks: boolean;
  readonly #openFiles = new Set<ReadStream>();

  /**
   * Creates a file server; undefined without a folder. `send` is loaded only when there is a folder to serve.
   *
   * @throws FourDError `ERR_STATIC_FILES_UNAVAILABLE` when `send` is not installed
   */
  static async of({ rootFolder, defaultHomepage, followLinks }: CheckedSettings): Promise<FileServer | undefined> {
    if (rootFolder === undefined) return undefined;
    const options = { root: resolve(rootFolder), index: defaultHomepage, dotfiles: 'ignore' } as const;
    return new FileServer(await loadSend(), options, followLinks);
  }

  private constructor(send: typeof sendFile, options: FileOptions, followsLinks: boolean) {
    this.#send = send;
    this.#options = options;
    this.#followsLinks = followsLinks;
  }

  /**
   * Answers a GET or HEAD request.
   *
   * @param path - as in the request target, without the query
   */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (!this.#followsLinks && (await this.#leadsOut(path))) {
      refuse(response, 404);
      return;
    }
    this.#send(request, path, this.#options)
      .on('file', (_: string, stats: Stats) => {
        // To open a pipe waits for somebody who writes to it, and a device has no end. The client may have gone while
        // the file was looked for. `send` opens no file once there is an answer.
        if (!stats.isFile() || hasGone(response)) answer(response, 404, 'Not Found');
      })
      .on('stream', (file: ReadStream) => this.#watch(file, response))
      .on('error', (error: { status?: number }) => {
        if (!response.writableEnded) refuse(response, error.status);
      })
      .pipe(response);
  }

  /** Whether a path is that of a file outside of the folder, behind a symbolic link. The folder may be a link itself. */
  async #leadsOut(path: string): Promise<boolean> {
    const { root, index } = this.#options;
    try {
      const name = decodeURIComponent(path);
      const file = join(root, name.endsWith('/') ? join(name, index) : name);
      const [realRoot, realFile] = await Promise.all([fileSystem.realpath(root), fileSystem.realpath(file)]);
      return realFile !== realRoot && !realFile.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep);
    } catch {
      // `send` answers requests for what does not exist, and paths that cannot be decoded.
      return false;
    }
  }

  /**
   * Resolves when no file is open any more, or when {@link CLOSE_TIMEOUT_MS} have passed, because a file system may not
   * answer. The connections must have ended before.
   */
  async closed(): Promise<void> {
    if (this.#openFiles.size === 0) return;
    await new Promise<void>((done) => {
      const deadline = { onDeadline: done };
      const ticket = timers.schedule(deadline, CLOSE_TIMEOUT_MS);
      for (const file of this.#openFiles) {
        file.once('close', () => {
          if (this.#openFiles.size > 0) return;
          timers.cancel(deadline, ticket);
          done();
        });
      }
    });
  }

  /** Closes a file with its answer, and ends the connection when the file turns out to be shorter than announced. */
  #watch(file: ReadStream, response: ServerResponse): void {
    const announcedBytes = Number(response.getHeader('Content-Length'));
    this.#openFiles.add(file);
    file.once('close', () => this.#openFiles.delete(file));
    response.once('close', () => file.destroy());
    if (announcedBytes === 0) {
      // `send` would read a byte of an empty file if one has been written to it meanwhile.
      file.destroy();
      response.end();
    }
    // The file may have been truncated. The next answer must not be taken for the rest of this one.
    file.once('end', () => {
      if (file.bytesRead < announcedBytes) response.destroy();
    });
  }
}

async function loadSend(): Promise<typeof sendFile> {
  try {
    return (await import('send')).default;
  } catch (error) {
    // The text of Node goes on with a list of modules.
    const [reason] = textOfThrown(error).split('\n', 1);
    const message = `cannot serve rootFolder: the package "send" cannot be loaded: run "npm install send" (${reason})`;
    throw new FourDError('ERR_STATIC_FILES_UNAVAILABLE', message, { componentSignature: 'HTTP', cause: error });
  }
}

function hasGone({ destroyed, socket }: ServerResponse): boolean {
  return destroyed || socket?.destroyed !== false;
}

/** Answers a request for a file that cannot be served. A client must not learn whether it is missing or forbidden. */
function refuse(response: ServerResponse, status: number | undefined): void {
  if (status === 416) answer(response, 416, 'Range Not Satisfiable');
  else if (status === 412) answer(response, 412, 'Precondition Failed');
  else if (status === 500) answer(response, 500, 'Internal Server Error');
  else answer(response, 404, 'Not Found');
}
