import type { UpgradeRefusal } from './upgrade-refusal.ts';

/** How many headers of a request Node keeps when the server does not say. */
const DEFAULT_MAX_HEADERS = 1000;

/** The setting of a server of `node:http` that limits how many headers of a request Node keeps. */
interface HeaderCounting {
  /** Null for Node's default, zero and less for no limit. */
  readonly maxHeadersCount?: unknown;
}

/**
 * Tells whether Node may have dropped headers of a request. Newer versions of Node refuse a request with more headers
 * than `maxHeadersCount`; older ones keep that many and drop the rest in silence, among them perhaps what a proxy has
 * written at the end, or the Origin of a page.
 *
 * @remarks The parser of an open connection keeps the setting that it began with. Where a program has raised it since,
 * headers beyond the old limit are lost unnoticed in those versions: Node does not show the setting of a parser. Where
 * a program has lowered it, the new setting counts, because a connection that begins now has it.
 * @param rawHeaders - names and values in turn; undefined when another parser than Node's has read the request
 * @returns the refusal, undefined when all headers are there
 */
export function refusalOfLostHeaders(
  server: object,
  rawHeaders: readonly string[] | undefined,
): UpgradeRefusal | undefined {
  const setting = (server as HeaderCounting).maxHeadersCount;
  // Node shifts too, so that both see the same in an odd number.
  const maxEntries = typeof setting === 'number' ? setting << 1 : DEFAULT_MAX_HEADERS * 2;
  // Node counts in pieces of several headers: at the limit itself, headers may be lost already.
  if (maxEntries <= 0 || rawHeaders === undefined || rawHeaders.length < maxEntries) return undefined;
  return {
    status: 431,
    cause: 'handshake',
    reason: `too many headers: some may be lost where there are ${maxEntries / 2} or more (maxHeadersCount)`,
    advice: 'Raise maxHeadersCount of the HTTP server, or find out who adds so many headers.',
  };
}
