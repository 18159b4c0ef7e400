import { isUtf8 } from 'node:buffer';
import { isAlphanumericCode } from './header-grammar.ts';

/** Parameters of a request by name: segments of its path, decoded. The object has no prototype. */
export type PathParams = Readonly<Record<string, string>>;

/** A segment of a pattern. `parameter` takes any one segment, `rest` all that are left, one at least. */
type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'rest' };

/** The name of what a `*` has taken. */
const REST_NAME = '*';

/** Which of two segments that both match a request decides: a literal one before a parameter before a rest. */
const RANKS: Readonly<Record<Segment['kind'], number>> = { literal: 0, parameter: 1, rest: 2 };

const PERCENT = 0x25;
const UNDERSCORE = 0x5f;

/**
 * The path of a WebSocket server, compared as what it means: `/café` and `/caf%C3%A9` are the same.
 *
 * @remarks The path is split at `/`, and each segment is percent-decoded, so that `%2F` stays inside its segment. A
 * segment that cannot be decoded compares as written. Letters keep their case, Unicode is not normalized, and `.` and
 * `..` are not resolved. `:name` takes one segment that is not empty, `*` at the end takes one or more.
 */
export class PathPattern {
  /** The path as the user wrote it. */
  readonly text: string;
  /** Two patterns with the same key match the same requests. */
  readonly key: string;
  readonly #segments: readonly Segment[];

  /** @param path - as the user wrote it, checked by {@link findPatternProblem} */
  constructor(path: string) {
    this.text = path;
    const texts = splitPath(path);
    this.#segments = texts.map((text, index) => toSegment(text, index === texts.length - 1));
    this.key = this.#segments.map((segment) => `/${toKey(segment)}`).join('');
  }

  /** Whether the pattern matches one path only. */
  get isLiteral(): boolean {
    return this.#segments.every(({ kind }) => kind === 'literal');
  }

  /**
   * Matches the path of a request.
   *
   * @param segments - as {@link readRequestPath} gives them
   * @returns the parameters; undefined when the path does not match
   */
  match(segments: readonly string[]): PathParams | undefined {
    const params = Object.create(null) as Record<string, string>;
    for (const [index, segment] of this.#segments.entries()) {
      const text = segments[index];
      if (segment.kind === 'rest') {
        const rest = segments.slice(index);
        if (rest.length === 0 || (rest.length === 1 && text === '')) return undefined;
        params[REST_NAME] = rest.join('/');
        return params;
      }
      if (text === undefined || (segment.kind === 'literal' ? segment.text !== text : text === '')) return undefined;
      if (segment.kind === 'parameter') params[segment.name] = text;
    }
    return segments.length === this.#segments.length ? params : undefined;
  }

  /** The names of the parameters, in order. */
  get parameterNames(): readonly string[] {
    return this.#segments.flatMap((segment) => (segment.kind === 'parameter' ? [segment.name] : []));
  }

  /**
   * The path up to the first segment that is not literal, as it stands in a URL: `/rooms/` of `/rooms/:room`.
   */
  get literalStart(): string {
    let start = '';
    for (const segment of this.#segments) {
      if (segment.kind !== 'literal') return `${start}/`;
      start += `/${encodeURIComponent(segment.text)}`;
    }
    return start === '' ? '/' : start;
  }

  /** Compares two patterns that match the same request: a negative number when this one decides. */
  compare(other: PathPattern): number {
    for (const [index, { kind }] of this.#segments.entries()) {
      // A shorter pattern for the same request ends with a rest, where the kinds differ at the latest.
      const { kind: otherKind } = other.#segments[index] as Segment;
      if (otherKind !== kind) return RANKS[kind] - RANKS[otherKind];
    }
    return 0;
  }
}

/** The key that a {@link PathPattern} without parameters has for the same path. */
export function keyOfRequestPath(segments: readonly string[]): string {
  return segments.map((text) => `/${escapeKey(text)}`).join('');
}

/**
 * Reads the path of a request.
 *
 * @param target - as it stands in the request line: with a query, or a whole URL (RFC 9112 section 3.2.2); bytes outside
 *   of ASCII as Latin-1, as Node gives them
 * @returns the decoded segments; none for `/`
 */
export function readRequestPath(target: string): readonly string[] {
  const query = target.indexOf('?');
  const withoutQuery = query < 0 ? target : target.slice(0, query);
  const path = withoutQuery.slice(startOfPath(withoutQuery));
  const segments = splitPath(path);
  return isPlain(path) ? segments : segments.map((text) => decodeSegment(Buffer.from(text, 'latin1')));
}

function startOfPath(target: string): number {
  if (target.startsWith('/')) return 0;
  const authority = target.indexOf('://');
  const path = authority < 0 ? -1 : target.indexOf('/', authority + 3);
  return path < 0 ? target.length : path;
}

/**
 * Finds what is wrong with a path that a user wrote.
 *
 * @returns undefined when it can be used
 */
export function findPatternProblem(path: string): string | undefined {
  const sign = Array.from('?#{}()+').find((character) => path.includes(character));
  if (sign !== undefined) return `path must not contain "${sign}": write ${encodeSign(sign)} for the character itself`;
  const names = new PathPattern(path).parameterNames;
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  return repeated === undefined ? undefined : `path uses the parameter :${repeated} twice`;
}

function encodeSign(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Splits a path at its slashes, without the empty segment in front and one at the end. */
function splitPath(path: string): string[] {
  const segments = (path.startsWith('/') ? path.slice(1) : path).split('/');
  if (segments.at(-1) === '') segments.pop();
  return segments;
}

function toSegment(text: string, isLast: boolean): Segment {
  if (isLast && text === '*') return { kind: 'rest' };
  if (isParameter(text)) return { kind: 'parameter', name: text.slice(1) };
  return { kind: 'literal', text: decodeSegment(Buffer.from(text, 'utf8')) };
}

/** A colon, a letter or underscore, then letters, digits and underscores. */
function isParameter(text: string): boolean {
  if (!text.startsWith(':') || text.length < 2) return false;
  for (let i = 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const isDigit = code >= 0x30 && code <= 0x39;
    if (code !== UNDERSCORE && (!isAlphanumericCode(code) || (isDigit && i === 1))) return false;
  }
  return true;
}

function toKey(segment: Segment): string {
  if (segment.kind === 'literal') return escapeKey(segment.text);
  return segment.kind === 'parameter' ? '~p' : '~r';
}

/** Keeps a slash that a segment holds from looking like one between segments. */
function escapeKey(text: string): string {
  return text.includes('~') || text.includes('/') ? text.replaceAll('~', '~0').replaceAll('/', '~1') : text;
}

/** Whether a path needs no decoding. */
function isPlain(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === PERCENT || code > 0x7f) return false;
  }
  return true;
}

/** Decodes the percent signs of a segment. The segment stays as written when a sign is wrong, or the result no UTF-8. */
function decodeSegment(bytes: Buffer): string {
  const decoded = Buffer.alloc(bytes.length);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i] as number;
    if (byte === PERCENT) {
      const high = hexDigit(bytes[i + 1]);
      const low = hexDigit(bytes[i + 2]);
      if (high === undefined || low === undefined) return toText(bytes);
      byte = high * 16 + low;
      i += 2;
    }
    decoded[length++] = byte;
  }
  const result = decoded.subarray(0, length);
  return isUtf8(result) ? result.toString('utf8') : toText(bytes);
}

function toText(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

function hexDigit(code: number | undefined): number | undefined {
  if (code === undefined) return undefined;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : undefined;
}
