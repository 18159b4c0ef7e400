import type * as Frame from '../../src/protocol/frame-header.ts';
import type * as FrameParser from '../../src/protocol/frame-parser.ts';
import type * as Mask from '../../src/protocol/mask.ts';
import type * as ProtocolConnection from '../../src/protocol/protocol-connection.ts';
import type * as Utf8 from '../../src/protocol/utf8.ts';
import type * as Zlib from '../../src/connection/zlib.ts';

/** The measured modules, from one folder of sources. */
export interface Modules {
  readonly mask: typeof Mask;
  readonly utf8: typeof Utf8;
  readonly frame: typeof Frame;
  readonly frameParser: typeof FrameParser;
  readonly protocolConnection: typeof ProtocolConnection;
  readonly zlib: typeof Zlib;
}

/** A small part of the library that is measured alone. */
export interface MicroCase {
  /** Name that begins with the name of the group. */
  readonly name: string;
  /** Bytes that one operation works on, for a figure in bytes per second. */
  readonly bytes: number;
  /** Number of operations of one call, when a single one cannot be measured. */
  readonly operationsAtOnce?: number;
  /** Runs the operation `times` times. Each case has its own loop, so that the compiler sees it alone. */
  readonly run: (times: number) => void | Promise<void>;
}
