import type { ConformanceCase, DataKind, Expected } from '../case.ts';
import type { Seen } from './connection.ts';
import { bytesOf } from './payload.ts';

/** The verdict on a case. */
export type Verdict =
  | 'ok'
  /** The RFC leaves open what the peer does. */
  | 'informational'
  /** The peer failed the connection as it must, but later than it could. */
  | 'non-strict'
  /** The peer does not compress. */
  | 'unsupported'
  | 'failed';

export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  /** The observed behaviour, where it is worth reporting. */
  readonly detail: string;
}

/** The observations of the runner. */
export interface Observed {
  readonly events: Seen[];
  /** The code of the peer's close frame, undefined when none arrived. */
  closeCode: number | 'none' | undefined;
  isPeerFirst: boolean;
  /** True when the peer continued although the failure was already visible. */
  isSlow: boolean;
  problem: string | undefined;
}

export function judge(testCase: ConformanceCase, observed: Observed): CaseResult {
  const { id, title, expected, lenient, isInformational } = testCase;
  const result = (verdict: Verdict, detail = ''): CaseResult => ({ id, title, verdict, detail });
  if (observed.problem !== undefined) return result('failed', `${observed.problem} (${describe(observed)})`);
  if (isInformational) return result('informational', describe(observed));
  const problem = findCloseProblem(testCase, observed);
  if (problem !== undefined) return result('failed', `${problem} (${describe(observed)})`);
  if (areAs(observed.events, expected)) {
    return observed.isSlow ? result('non-strict', 'failed late') : result('ok', describeClose(testCase, observed));
  }
  if (lenient !== undefined && areAs(observed.events, lenient)) return result('non-strict', describe(observed));
  return result('failed', `the answers are not the expected ones (${describe(observed)})`);
}

/** Tells whether an event is a message with this content. */
export function matches(seen: Seen, kind: DataKind, payload: Buffer): boolean {
  return seen.kind === 'message' && seen.isText === (kind === 'text') && seen.payload.equals(payload);
}

function findCloseProblem({ ending }: ConformanceCase, { closeCode, isPeerFirst }: Observed): string | undefined {
  if (closeCode === undefined) return ending.isClean ? 'the peer sent no close frame' : undefined;
  if (isPeerFirst !== (ending.by === 'peer')) return `the ${isPeerFirst ? 'peer' : 'runner'} closed first`;
  return ending.codes.includes(closeCode) ? undefined : `a close frame with ${ending.codes.join(' or ')} was expected`;
}

function describeClose({ ending }: ConformanceCase, { closeCode }: Observed): string {
  return ending.isClean || closeCode !== undefined ? '' : 'without a close frame';
}

function areAs(events: readonly Seen[], expected: readonly Expected[]): boolean {
  return events.length === expected.length && expected.every((each, index) => isAs(events[index]!, each));
}

function isAs(seen: Seen, expected: Expected): boolean {
  const payload = bytesOf(expected.payload);
  if ('message' in expected) return matches(seen, expected.message, payload);
  return seen.kind === 'pong' && seen.payload.equals(payload);
}

function describe({ events, closeCode }: Observed): string {
  const came = events.map((event) =>
    'payload' in event ? `${event.kind} of ${event.payload.length} bytes` : event.kind,
  );
  return [...came, closeCode === undefined ? 'no close frame' : `close ${closeCode}`].join(', ');
}
