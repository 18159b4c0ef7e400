import type { Role } from '../../src/protocol/constants.ts';
import { ProtocolConnection, type ProtocolOptions } from '../../src/protocol/protocol-connection.ts';
import { describeFrames, frame, otherRole } from './frames.ts';
import { RecordingOutput } from './recording-output.ts';
import { RecordingSink } from './recording-sink.ts';

/** A protocol connection between a recording sink and a recording output. */
export interface Harness {
  readonly connection: ProtocolConnection;
  readonly sink: RecordingSink;
  readonly output: RecordingOutput;
  /** Lets the peer send frames: `['81 48656c6c6f', '89']`, first byte and payload as hex. */
  readonly receive: (...frames: string[]) => void;
  /** The frames that the connection has sent so far, in the same form. */
  readonly sent: () => string[];
}

export function openConnection(role: Role, options: Partial<ProtocolOptions> = {}): Harness {
  const sink = new RecordingSink();
  const output = new RecordingOutput();
  const connection = new ProtocolConnection(sink, output, {
    role,
    decodesText: true,
    maxMessageBytes: 1_048_576,
    maxFragments: 1024,
    ...options,
  });
  return {
    connection,
    sink,
    output,
    receive: (...frames) => connection.receive(peerFrames(role, ...frames)),
    sent: () => describeFrames(output.bytes, role),
  };
}

/** Builds frames as the peer of `role` sends them. */
export function peerFrames(role: Role, ...frames: string[]): Buffer {
  return Buffer.concat(
    frames.map((text) => {
      const [first, ...payload] = text.split(' ');
      return frame(otherRole(role), first!, payload.join(''));
    }),
  );
}
