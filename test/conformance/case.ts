/** The bytes of a payload, described as data. */
export type Payload =
  /** Bytes as hex. */
  | string
  /** Bytes as hex, repeated up to a length. */
  | { readonly pattern: string; readonly bytes: number }
  /** A piece of a generated file. Each message of an exchange takes another piece. */
  | { readonly corpus: CorpusName; readonly bytes: number };

/** The generated file from which compressed messages are taken. */
export type CorpusName = 'records' | 'bitmap' | 'prose' | 'markup' | 'archive';

/** The kind of a message. */
export type DataKind = 'text' | 'binary';

/** Sends one frame. */
export interface FrameStep {
  /** The first byte: FIN, RSV bits and opcode. */
  readonly frame: number;
  readonly payload: Payload;
  /** The length in the header, when it differs from that of the payload. A {@link RestStep} sends the missing bytes. */
  readonly announcedBytes?: number;
  /** The size of the length field, when it is not the shortest. */
  readonly lengthBytes?: 2 | 8;
  /** True for a frame that is masked where the role forbids it, or unmasked where the role demands a mask. */
  readonly isMaskWrong?: true;
}

/** Sends more payload bytes of the previous frame. */
export interface RestStep {
  readonly rest: string;
}

/** Sends a message in frames of at most `fragmentBytes`. */
export interface MessageStep {
  readonly message: DataKind;
  readonly payload: Payload;
  readonly fragmentBytes?: number;
}

/** Sends messages one by one, each after the echo of the previous one. */
export interface ExchangeStep {
  readonly exchange: number;
  readonly message: DataKind;
  readonly payload: Payload;
  /** The largest frame. A compressed message is fragmented after compression. */
  readonly fragmentBytes?: number;
}

/** Waits for the peer. */
export interface WaitStep {
  readonly wait:
    | /** Waits until one more expected event has arrived. */ 'event'
    | /** Waits for a while in which the peer must not end the connection. */ 'quiet'
    | /** Waits until the peer ends the connection. A peer that does not end it yet is not strict. */ 'failure';
}

export type Step = FrameStep | RestStep | MessageStep | ExchangeStep | WaitStep;

/** A message or pong that must arrive from the peer. */
export type Expected =
  | { readonly message: DataKind; readonly payload: Payload }
  | { readonly pong: true; readonly payload: Payload };

/** How the connection must end. */
export interface Ending {
  /** The side that closes first. A runner that has sent no close frame in a step sends 1000 after the last event. */
  readonly by: 'runner' | 'peer';
  /** The codes that the close frame of the peer may have. */
  readonly codes: readonly (number | 'none')[];
  /** True when the peer must send a close frame, false when ending TCP is enough. */
  readonly isClean: boolean;
}

/** The limits that one side requests for the compressor of the other (RFC 7692 section 7.1). */
export interface DeflateRequest {
  readonly noContextTakeover: boolean;
  /** The largest window, undefined when none is requested. */
  readonly maxWindowBits: number | undefined;
}

/** One case: the steps of the runner against a peer that echoes messages, and the expected result. */
export interface ConformanceCase {
  /** Category, family and number, separated by dots. */
  readonly id: string;
  readonly title: string;
  readonly steps: readonly Step[];
  /**
   * The size of each write: a number of bytes, or one frame. By default, all bytes up to the next wait are one write.
   */
  readonly chop?: number | 'frames' | undefined;
  readonly expected: readonly Expected[];
  /** The events that may arrive instead from a less strict peer. */
  readonly lenient?: readonly Expected[];
  readonly ending: Ending;
  /** True when the RFC leaves open what the peer does: the behaviour is reported and not judged. */
  readonly isInformational?: true;
  /** Requests for compression in order of preference. By default there is no compression. */
  readonly deflate?: readonly DeflateRequest[];
}

/** An orderly end: the runner closes with 1000 and the peer answers. */
export const CLOSES_IN_ORDER: Ending = { by: 'runner', codes: [1000], isClean: true };

/** An end in which the peer fails the connection, with a close frame of this code or without one. */
export function failsWith(code: number): Ending {
  return { by: 'peer', codes: [code], isClean: false };
}

export function hexOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}

/** Numbers the cases of a family from 1: `family.1`, `family.2` and so on. */
export function numbered(family: string, cases: readonly Omit<ConformanceCase, 'id'>[]): ConformanceCase[] {
  return cases.map((each, index) => ({ id: `${family}.${index + 1}`, ...each }));
}

/** Returns the kind of messages that a case sends, or text when it sends none. No case sends both kinds. */
export function dataKindOf({ steps }: ConformanceCase): DataKind {
  for (const step of steps) {
    if ('message' in step) return step.message;
    if ('frame' in step && (step.frame & 0xf) === 2) return 'binary';
  }
  return 'text';
}
