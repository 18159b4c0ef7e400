import type { ComponentSignature, MessageIssue } from '../errors.ts';
import { invalidOption, readGuarded } from './option-checks.ts';
import { shown } from './shown-text.ts';

/** Most issues of a message that are read. */
const MAX_ISSUES = 8;
/** Most keys of a path that are read. */
const MAX_KEYS = 32;
const MAX_PATH_LENGTH = 120;
const MAX_TEXT_LENGTH = 200;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** What a schema says of a message: its output, or what is wrong. */
export type Outcome =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly MessageIssue[]; readonly issueCount: number };

/** A Standard Schema that a user passed, read once. */
export class Schema {
  readonly #standard: object;
  readonly #validate: (value: unknown) => unknown;

  /**
   * @param name - of the option
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(name: string, given: unknown, component: ComponentSignature) {
    const { standard, version, validate } = readGuarded(name, () => readStandard(given), component);
    if (standard === undefined || version !== 1 || typeof validate !== 'function') {
      throw invalidOption(
        `${name} must be a Standard Schema of version 1, such as those of zod 3.24, valibot 1, arktype 2 and newer`,
        component,
      );
    }
    this.#standard = standard;
    this.#validate = validate as (value: unknown) => unknown;
  }

  /** Calls the schema. Returns what {@link readOutcome} reads, or a promise of it. */
  validate(value: unknown): unknown {
    return this.#validate.call(this.#standard, value);
  }
}

function readStandard(given: unknown): { standard?: object; version?: unknown; validate?: unknown } {
  const isHolder = (typeof given === 'object' && given !== null) || typeof given === 'function';
  const standard: unknown = isHolder ? (given as Record<string, unknown>)['~standard'] : undefined;
  if (typeof standard !== 'object' || standard === null) return {};
  const { version, validate } = standard as Record<string, unknown>;
  return { standard, version, validate };
}

/**
 * Reads the result of a schema, once.
 *
 * @throws TypeError when it is no result; and whatever code of the result throws
 */
export function readOutcome(result: unknown): Outcome {
  if (typeof result !== 'object' || result === null) throw new TypeError('the schema returned no object');
  const { issues } = result as { readonly issues?: unknown };
  if (issues === undefined) {
    if (!('value' in result)) throw new TypeError('the schema returned neither value nor issues');
    return { value: result.value };
  }
  if (!Array.isArray(issues)) throw new TypeError('the issues that the schema returned are no array');
  const issueCount = issues.length;
  const read: MessageIssue[] = [];
  for (let index = 0; index < Math.min(issueCount, MAX_ISSUES); index++) read.push(readIssue(issues[index]));
  return { issues: Object.freeze(read), issueCount };
}

function readIssue(issue: unknown): MessageIssue {
  if (typeof issue !== 'object' || issue === null)
    throw new TypeError('an issue that the schema returned is no object');
  const { path, message } = issue as { readonly path?: unknown; readonly message?: unknown };
  if (typeof message !== 'string') throw new TypeError('an issue that the schema returned has no message');
  return Object.freeze({ path: readPath(path), message: shown(message, MAX_TEXT_LENGTH) });
}

/** Returns a path as code has it, such as `items[3].name`; `''` for the message as a whole. */
function readPath(path: unknown): string {
  if (path === undefined) return '';
  if (!Array.isArray(path)) throw new TypeError('the path that the schema returned is no array');
  let text = '';
  for (let index = 0; index < Math.min(path.length, MAX_KEYS); index++) {
    const segment: unknown = path[index];
    const isHolder = typeof segment === 'object' && segment !== null;
    text += toAccess(isHolder ? (segment as { readonly key?: unknown }).key : segment, index === 0);
  }
  return shown(text, MAX_PATH_LENGTH);
}

function toAccess(key: unknown, isFirst: boolean): string {
  if (typeof key === 'symbol') return `[${String(key).slice(0, MAX_PATH_LENGTH)}]`;
  if (typeof key === 'number') return `[${key}]`;
  if (typeof key !== 'string') throw new TypeError('a key of the path that the schema returned is no key');
  // A key may be a text of the peer.
  const name = key.slice(0, MAX_PATH_LENGTH);
  if (!IDENTIFIER.test(name)) return `[${JSON.stringify(name)}]`;
  return isFirst ? name : `.${name}`;
}

/** Says where a message does not match, on one line and without its values. */
export function describeIssues(issues: readonly MessageIssue[], issueCount: number): string {
  const path = issues[0]?.path ?? '';
  const place = path === '' ? 'it' : path;
  return `${place} does not match the schema${issueCount > 1 ? ` (and ${issueCount - 1} more)` : ''}`;
}
