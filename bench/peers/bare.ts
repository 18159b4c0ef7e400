import { createServer, type Socket } from 'node:net';
import { type Place, readCompressed, readKnown, runsOf } from '../load/answers.ts';
import { answerUpgrade, buildFrames, firstVariantOf, frameOf, readFrames, TEXT } from '../load/frames.ts';
import { listening } from '../packages.ts';
import type { RunningPeer, Workload } from './peer.ts';

const MAX_BURST = 16;

/** Bare sockets of Node: the floor of all servers that use them. As clients they are the load itself. */
export function createPeer(): RunningPeer {
  const notes = 'bare sockets: counts bytes, sends bytes made beforehand';
  return {
    version: process.versions.node,
    notes,
    serve: (load) => (load.behaviour === 'topics' ? room() : flow(load)),
  };
}

/** Serves clients; `open` returns the function for what one of them sends. A wrong message ends the process. */
function serve(
  isCompressed: boolean,
  open: (socket: Socket, sockets: ReadonlySet<Socket>, request: string) => (bytes: Buffer) => void,
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    // Clients send their request in one piece, and nothing before the answer.
    socket.once('data', (bytes) => {
      const request = bytes.toString('latin1');
      socket.write(answerUpgrade(request, isCompressed));
      sockets.add(socket);
      socket.on('data', open(socket, sockets, request));
    });
  });
  return listening(server);
}

function flow({ behaviour, shape }: Workload): Promise<number> {
  const isCompressed = shape.isCompressed === true;
  const read = isCompressed ? readCompressed(shape, true) : readKnown(buildFrames(shape, true), false);
  const runs = runsOf(buildFrames(shape, false), MAX_BURST);
  return serve(isCompressed, (socket, sockets, request) => {
    const place: Place = { variant: firstVariantOf(request) % runs.length, rest: 0 };
    return (bytes) => {
      let next = place.variant;
      for (let left = read(place, bytes.length, bytes); left > 0; left -= MAX_BURST) {
        const burst = Math.min(left, MAX_BURST);
        const answer = runs[next]?.[burst] as Buffer;
        next = (next + burst) % runs.length;
        if (behaviour === 'echo') socket.write(answer);
        else for (const other of sockets) other.write(answer);
      }
    };
  });
}

/** What one client sends goes to all others, without the mask: the least that a server of rooms has to do. */
function room(): Promise<number> {
  const [greeting, joined] = ['hi', 'subbed'].map((t) =>
    frameOf(Buffer.from(`{"t":"${t}","session":""}`), TEXT, false),
  );
  return serve(false, (socket, sockets) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.write(greeting as Buffer);
    return (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      const messages: Buffer[] = [];
      const length = readFrames(rest, true, (payload) => {
        if (payload.includes('"t":"sub"')) socket.write(joined as Buffer);
        else messages.push(frameOf(payload, TEXT, false));
      });
      rest = rest.subarray(length);
      const all = Buffer.concat(messages);
      if (all.length > 0) for (const other of sockets) if (other !== socket) other.write(all);
    };
  });
}
