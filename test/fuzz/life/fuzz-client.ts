import { Observed } from '../../../src/diagnostics/observed.ts';
import { parseClientOptions } from '../../../src/client/client-options.ts';
import type { CommonOptions } from '../../../src/session/common-options.ts';
import { ClientSession, type ClientSessionOwner } from '../../../src/client/client-session.ts';
import { openConnection } from '../../../src/session/open-connection.ts';
import type { DataType } from '../../../src/index.ts';
import { mainWorker } from '../../../src/workers/worker.ts';
import { scopeIn } from '../../helpers/scope-in.ts';
import { parseExtensions } from '../../../src/handshake/header-grammar.ts';
import { checkAnswer, type DeflateParameters } from '../../../src/handshake/permessage-deflate.ts';
import { SocketTransport } from '../../../src/transport/socket-transport.ts';
import { CompressionFactory } from '../../../src/connection/zlib.ts';
import type { ConnectionEnd, Face } from './connection-end.ts';
import type { MemorySocket } from '../memory-socket.ts';

const END_OF_HEAD = '\r\n\r\n';

/** A client that has sent its request, and opens its session when the 101 has come, as `ClientCore` does. */
export class FuzzClient implements ClientSessionOwner {
  readonly subject: Face;
  readonly session: ClientSession;
  readonly connectPhase = 'handshake';
  readonly #socket: MemorySocket;
  readonly #options: CommonOptions;
  #head = Buffer.alloc(0);
  /** The status line of the server's refusal. */
  refusal: string | undefined;
  /** True when onTerminate has run. */
  isFinished = false;

  constructor(socket: MemorySocket, end: ConnectionEnd, dataType: DataType, options: CommonOptions) {
    const { limits } = parseClientOptions(options);
    const settings = { dataType, scope: scopeIn(mainWorker), limits, observed: new Observed('client') };
    const session = new ClientSession(this, end, settings, undefined);
    this.session = session;
    this.subject = {
      get status() {
        return session.status;
      },
      get bufferedBytes() {
        return session.bufferedBytes;
      },
      send: (message, sendOptions) => session.send(message, sendOptions),
      terminate: (code = 1000, reason = '') => {
        if (session.status === 'Connected') session.close(code, reason);
      },
      destroy: () => session.destroy('local'),
      drained: () => session.drained(),
    };
    this.#socket = socket;
    this.#options = options;
    socket.on('error', () => {});
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
  }

  giveUpConnecting(): void {}

  onOpened(): void {}

  onFinished(): void {
    this.isFinished = true;
  }

  /** The server has ended TCP without an answer. */
  readonly #onEnd = (): void => void this.#socket.destroy();

  readonly #onData = (chunk: Buffer): void => {
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const answer = this.#head.toString('latin1', 0, end);
    const bytesBehind = this.#head.subarray(end + END_OF_HEAD.length);
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    if (answer.startsWith('HTTP/1.1 101 ')) {
      this.#socket.pause();
      const { limits } = parseClientOptions(this.#options);
      const opened = {
        transport: new SocketTransport(this.#socket),
        head: bytesBehind,
        answer: '',
        compression: this.#agreedCompression(answer),
      };
      this.session.open(openConnection(opened, 'client', this.session, limits));
    } else {
      this.refusal = answer.slice(0, answer.indexOf('\r'));
      this.#socket.resume();
      this.#socket.end();
      this.session.cancel({ cause: 'refused', phase: 'handshake' });
    }
  };

  #agreedCompression(answer: string) {
    const { compression } = parseClientOptions(this.#options).limits;
    const header = /^sec-websocket-extensions: (.*)$/im.exec(answer)?.[1];
    if (compression === undefined || header === undefined) return undefined;
    const agreed = checkAnswer(parseExtensions(header) ?? [], compression) as DeflateParameters;
    return new CompressionFactory('client', compression).create(agreed);
  }
}
