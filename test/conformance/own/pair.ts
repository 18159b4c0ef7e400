import { onTestFinished } from 'vitest';
import { type CommonOptions, WebSocket } from '../../../src/index.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../../src/testing.ts';
import { startServerOf } from '../../helpers/library-server.ts';
import type { ConformanceCase } from '../case.ts';
import type { RunnerConnection, Seen } from '../runner/connection.ts';
import { openToServer } from '../runner/open-client.ts';
import { RunnerServer } from '../runner/open-server.ts';

/** The sides that the library can take. */
export const LIBRARY_SIDES = ['server', 'client'] as const;

export type LibrarySide = (typeof LIBRARY_SIDES)[number];

/** A connection with the library on one end and the runner on the other. */
export interface Pair {
  readonly handler: RecordingHandler<unknown>;
  readonly runner: RunnerConnection;
}

export async function openPair(
  side: LibrarySide,
  additions: RecordedCallbacks<unknown> = {},
  options: CommonOptions = {},
  wanted: Pick<ConformanceCase, 'deflate'> = {},
): Promise<Pair> {
  const handler = recordingHandler(additions);
  const runner =
    side === 'server' ? await openAsClient(handler, options, wanted) : await openAsServer(handler, options, wanted);
  onTestFinished(() => runner.destroy());
  await handler.opened();
  return { handler, runner };
}

/** Returns the next event, which must arrive within 5 seconds. */
export async function nextOf(runner: RunnerConnection): Promise<Seen> {
  const seen = await runner.next(5000);
  if (seen === undefined) throw new Error('nothing came');
  return seen;
}

async function openAsClient(
  handler: RecordingHandler<unknown>,
  options: CommonOptions,
  wanted: Pick<ConformanceCase, 'deflate'>,
): Promise<RunnerConnection> {
  const { url } = await startServerOf(handler, options);
  return await openToServer(new URL(url), wanted);
}

async function openAsServer(
  handler: RecordingHandler<unknown>,
  options: CommonOptions,
  wanted: Pick<ConformanceCase, 'deflate'>,
): Promise<RunnerConnection> {
  const server = await RunnerServer.start();
  onTestFinished(() => server.stop());
  const accepted = server.accept(wanted);
  void new WebSocket(server.url, handler, options);
  return await accepted;
}
