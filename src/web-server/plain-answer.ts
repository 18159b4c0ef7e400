import type { ServerResponse } from 'node:http';

/** Headers that describe a file: an answer without the file must not have them. */
const FILE_HEADERS = ['Accept-Ranges', 'Cache-Control', 'Content-Length', 'ETag', 'Last-Modified'] as const;

/**
 * Answers a request with a line of text.
 *
 * @remarks An answer that is under way cannot be taken back: then the connection ends, so that the client sees that the
 * answer is not whole.
 */
export function answer(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of FILE_HEADERS) response.removeHeader(name);
  const body = `${text}\n`;
  const about = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, { ...about, ...headers }).end(body);
}
