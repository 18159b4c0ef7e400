/** Bytes as data. */
export type Payload =
  /** Hex. */
  | string
  /** Hex, over and over, up to a length. */
  | { readonly pattern: string; readonly bytes: number }
  /** A piece of a generated file; each message of an exchange takes another piece. */
  | { readonly corpus: CorpusName; readonly bytes: number };

/** What the compressed messages are made of. */
export type CorpusName = 'records' | 'bitmap' | 'prose' | 'markup' | 'archive';

/** Text or bytes. */
export type DataKind = 'text' | 'binary';

/** One frame. */
export interface FrameStep {
  /** First byte: FIN, RSV bits and opcode. */
  readonly frame: number;
  readonly payload: Payload;
  /** Length that the header tells, when it is not that of the payload. {@link RestStep} sends what is missing. */
  readonly announcedBytes?: number;
  /** Size of the length field, when it is not the shortest. */
  readonly lengthBytes?: 2 | 8;
  /** Masks where the role forbids it, and does not where the role demands it. */
  readonly isMaskWrong?: true;
}

/** More of the payload of the frame before. */
export interface RestStep {
  readonly rest: string;
}

/** A message, in frames of at most `fragmentBytes`. */
export interface MessageStep {
  readonly message: DataKind;
  readonly payload: Payload;
  readonly fragmentBytes?: number;
}

/** Messages, each sent when the one before has come back. */
export interface ExchangeStep {
  readonly exchange: number;
  readonly message: DataKind;
  readonly payload: Payload;
  /** Largest frame. What is cut is the compressed message. */
  readonly fragmentBytes?: number;
}

/** Waits. */
export interface WaitStep {
  readonly wait:
    | /** until one more of the expected events has come. */ 'event'
    | /** for a while in which the peer must not end the connection. */ 'quiet'
    | /** until the peer ends the connection; going on instead is lenient. */ 'failure';
}

export type Step = FrameStep | RestStep | MessageStep | ExchangeStep | WaitStep;

/** What must come from the peer. */
export type Expected =
  | { readonly message: DataKind; readonly payload: Payload }
  | { readonly pong: true; readonly payload: Payload };

/** How the connection must end. */
export interface Ending {
  /** Who begins. When it is the runner and no step has sent a close frame, one with 1000 follows the last event. */
  readonly by: 'runner' | 'peer';
  /** Which codes the peer's close frame may have. */
  readonly codes: readonly (number | 'none')[];
  /** Whether the peer must send a close frame. Otherwise it may also just end TCP. */
  readonly isClean: boolean;
}

/** What a side asks of the other's compressor (RFC 7692 section 7.1). */
export interface DeflateRequest {
  readonly noContextTakeover: boolean;
  /** Undefined: does not ask for a window. */
  readonly maxWindowBits: number | undefined;
}

/** One case: what the runner sends to a peer that echoes messages, and what must come of it. */
export interface ConformanceCase {
  /** Category, family, number. */
  readonly id: string;
  readonly title: string;
  readonly steps: readonly Step[];
  /**
   * How the bytes are cut into writes: a number of bytes, or a write for each frame. By default all that is sent without
   * a wait in between is one write.
   */
  readonly chop?: number | 'frames' | undefined;
  readonly expected: readonly Expected[];
  /** What may come instead from a peer that is less strict. */
  readonly lenient?: readonly Expected[];
  readonly ending: Ending;
  /** The RFC leaves open what the peer does: whatever it is, it is told and not judged. */
  readonly isInformational?: true;
  /** Requests for compression in order of preference. By default there is no compression. */
  readonly deflate?: readonly DeflateRequest[];
}

/** Ends in order: the runner closes with 1000, the peer answers. */
export const CLOSES_IN_ORDER: Ending = { by: 'runner', codes: [1000], isClean: true };

/** The peer must fail the connection, with a close frame of this code or none. */
export function failsWith(code: number): Ending {
  return { by: 'peer', codes: [code], isClean: false };
}

export function hexOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}

/** A family of cases: numbered from 1 behind `family`. */
export function numbered(family: string, cases: readonly Omit<ConformanceCase, 'id'>[]): ConformanceCase[] {
  return cases.map((each, index) => ({ id: `${family}.${index + 1}`, ...each }));
}

/** Which kind of messages a case sends; text when it sends none. No case sends both. */
export function dataKindOf({ steps }: ConformanceCase): DataKind {
  for (const step of steps) {
    if ('message' in step) return step.message;
    if ('frame' in step && (step.frame & 0xf) === 2) return 'binary';
  }
  return 'text';
}
