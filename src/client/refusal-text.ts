import type { IncomingHttpHeaders } from 'node:http';
import { TextDecoder } from 'node:util';
import { shown } from '../session/shown-text.ts';

/** Longest line that a message shows, in UTF-16 units. */
const MAX_LINE_LENGTH = 200;

/** The first line is looked for in this part of a body. */
const MAX_SEARCHED_BYTES = 4096;

const TEXT_TYPE = /^(?:text\/[\w.+-]+|application\/(?:[\w.-]+\+)?(?:json|xml))$/;

/** How a page begins. */
const PAGE = /^\s*<(?:!doctype html|html)\b/i;

/**
 * Returns the first line of a body for people, on which there is something; empty for a body that is no text. Of a page it is
 * the first text between tags, which is its title as a rule; JSON is one line, however it is laid out.
 */
export function firstLineOf(headers: IncomingHttpHeaders, body: Buffer): string {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const mediaType = type.trim();
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' || (mediaType !== '' && !TEXT_TYPE.test(mediaType))) return '';
  const text = decode(body.subarray(0, MAX_SEARCHED_BYTES), charsetOf(parameters), mediaType === '');
  return shown(firstLine(text, mediaType), MAX_LINE_LENGTH);
}

function firstLine(text: string, mediaType: string): string {
  if (mediaType.endsWith('json')) return text.replaceAll(/\s+/g, ' ');
  const isPage = mediaType.endsWith('html') || mediaType.endsWith('xml') || (mediaType === '' && PAGE.test(text));
  const words = isPage ? text.replaceAll(/<[^<>]*>/g, '\n') : text;
  return words.split(/[\r\n]/).find((line) => line.trim() !== '') ?? '';
}

function charsetOf(parameters: readonly string[]): string {
  const charset = parameters.find((parameter) => parameter.trim().startsWith('charset='));
  return charset?.split('=')[1]?.replaceAll('"', '').trim() ?? 'utf-8';
}

/** @param isUnknown - whether the body may be no text at all: then only valid text without control characters counts */
function decode(bytes: Buffer, charset: string, isUnknown: boolean): string {
  try {
    // With `stream`, a character that is cut off at the end is left out.
    const text = new TextDecoder(charset, { fatal: isUnknown }).decode(bytes, { stream: true });
    // oxlint-disable-next-line no-control-regex -- the characters that text does not have
    return isUnknown && /[\0-\u0008\u000E-\u001A]/.test(text) ? '' : text;
  } catch {
    return '';
  }
}
