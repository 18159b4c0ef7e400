import type { Socket } from 'node:net';
import { FourDError, textOfThrown } from '../errors.ts';
import { currentContext } from '../process/logical-process.ts';
import { Dial, type DialListener } from '../transport/dial.ts';
import type { HandshakeAgreement } from '../protocol/handshake-client.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { CompressionFactory } from '../transport/zlib.ts';
import type { DataType } from './data-type.ts';
import { checkHeaders } from './headers.ts';
import { type CheckedOptions, checkClientOptions, checkDataType, type WebSocketOptions } from './options.ts';
import { Session, type SessionOwner } from './session.ts';
import { parseWebSocketUrl } from './web-socket-url.ts';

/** What the connector reads of a handler. */
interface HandlerSettings {
  readonly dataType?: unknown;
  readonly headers?: unknown;
}

const DEFAULT_LIMITS: CheckedOptions = checkClientOptions({});

/** Opens the connection of one client, and tells how it went. */
export class Connector implements SessionOwner, DialListener {
  readonly subject: object;
  readonly session: Session;
  /** Resolves when onOpen has run, to undefined, or when the connection is not possible, to the error. Never rejects. */
  readonly result: Promise<FourDError | undefined>;
  /** Resolves when onTerminate has run. */
  readonly finished: Promise<void>;
  /** The subprotocol that was agreed on. */
  protocol = '';
  /** True when a failure is to be told by {@link result} alone, because nobody holds the object yet. */
  isSilent = false;
  readonly #limits: CheckedOptions;
  #dial: Dial | undefined;
  #resolve!: (error: FourDError | undefined) => void;
  #resolveFinished!: () => void;

  constructor(subject: object, url: string, handler: object, options: WebSocketOptions) {
    this.subject = subject;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#resolveFinished = resolve;
    });
    let limits = DEFAULT_LIMITS;
    let dataType: DataType = 'text';
    let dial: () => Dial;
    try {
      const target = parseWebSocketUrl(url);
      const settings = handler as HandlerSettings;
      if (typeof handler !== 'object' || handler === null) throw invalidHandler('it must be an object');
      limits = checkClientOptions(options);
      dataType = checkDataType(settings.dataType, 'HTCL');
      const headers = checkHeaders(settings.headers);
      const { protocols, handshakeTimeoutMs, compression } = limits;
      const { tls = {} } = options;
      dial = () =>
        new Dial(target, { headers, offer: { protocols, deflate: compression }, handshakeTimeoutMs, tls }, this);
    } catch (thrown) {
      dial = () => {
        throw thrown;
      };
    }
    const { process } = currentContext();
    this.#limits = limits;
    this.session = new Session(this, { role: 'client', handler: handler ?? {}, dataType, process, limits });
    try {
      this.#dial = dial();
    } catch (thrown) {
      const error = thrown instanceof FourDError ? thrown : invalidHandler(textOfThrown(thrown), thrown);
      // Later, as every other failure: the caller has the object by then.
      setImmediate(() => this.onConnectFailed(error));
    }
  }

  /** Gives up connecting. Does nothing when it has failed already. */
  onAborted(): void {
    if (this.session.status !== 'Connecting') return;
    this.#dial?.abort();
    if (this.isSilent) this.session.cancel();
    else this.session.giveUp();
    this.#resolve(new FourDError('ERR_CONNECT_FAILED', 'connecting was given up', { componentSignature: 'HTCL' }));
  }

  // DialListener

  onConnected(socket: Socket, head: Buffer, { protocol, deflate }: HandshakeAgreement): void {
    this.protocol = protocol;
    const { compression } = this.#limits;
    const agreed = compression && deflate && new CompressionFactory('client', compression).create(deflate);
    this.session.open(new SocketTransport(socket), head, '', agreed);
  }

  onConnectFailed(error: FourDError): void {
    if (this.session.status !== 'Connecting') return;
    if (this.isSilent) this.session.cancel();
    else this.session.failToOpen(error);
    this.#resolve(error);
  }

  // SessionOwner

  onOpened(): void {
    this.#resolve(undefined);
  }

  onFinished(): void {
    this.#resolveFinished();
  }
}

/** @param cause - what a getter of the handler, or of the options, has thrown */
function invalidHandler(problem: string, cause?: unknown): FourDError {
  return new FourDError('ERR_INVALID_HANDLER', `invalid handler: ${problem}`, { componentSignature: 'HTCL', cause });
}
