import type * as Frame from '../../src/protocol/frame-header.ts';
import type * as FrameParser from '../../src/protocol/frame-parser.ts';
import type * as Mask from '../../src/protocol/mask.ts';
import type * as ProtocolConnection from '../../src/protocol/protocol-connection.ts';
import type * as Utf8 from '../../src/protocol/utf8.ts';
import type * as Zlib from '../../src/connection/zlib.ts';

/** The modules under measurement, from one folder of sources. */
export interface Modules {
  readonly mask: typeof Mask;
  readonly utf8: typeof Utf8;
  readonly frame: typeof Frame;
  readonly frameParser: typeof FrameParser;
  readonly protocolConnection: typeof ProtocolConnection;
  readonly zlib: typeof Zlib;
}

/** Something small that is measured alone. */
export interface MicroCase {
  /** Begins with the name of its group. */
  readonly name: string;
  /** Bytes that one operation works on, for a figure in bytes per second. */
  readonly bytes: number;
  /** Operations that come together, when one alone cannot be had. */
  readonly operationsAtOnce?: number;
  /** Does it so many times, at once or until it resolves. A loop of its own, so that the compiler sees each case alone. */
  readonly run: (times: number) => void | Promise<void>;
}
