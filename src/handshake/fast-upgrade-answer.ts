import { endOfPrintable, readPlainHeaders, upgradesToWebSocket } from './plain-headers.ts';

const STATUS = 'HTTP/1.1 101 ';

/**
 * Reads a 101 answer to a WebSocket upgrade request in the plain form in which nearly all servers send it.
 *
 * @remarks This function is no HTTP parser: it accepts one unambiguous form of one answer, and leaves all other answers
 * to Node's parser, which accepts every answer that this function accepts, with the same result.
 * @param text - the bytes of the answer as Latin-1, up to and including the first empty line
 * @returns values by header name in lower case, without a prototype; undefined when the answer does not have this form:
 *   Node's parser must read it
 */
export function readFastUpgradeAnswer(text: string): Readonly<Record<string, string>> | undefined {
  if (!text.startsWith(STATUS)) return undefined;
  const statusEnd = endOfPrintable(text, STATUS.length);
  if (!text.startsWith('\r\n', statusEnd)) return undefined;
  const headers = readPlainHeaders(text, statusEnd + 2);
  return headers !== undefined && upgradesToWebSocket(headers) ? headers : undefined;
}
