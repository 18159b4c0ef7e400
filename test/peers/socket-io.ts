/**
 * The parts of Socket.IO that are used here, with types of our own: its packages lie in a folder of their own, and need not
 * be installed when the project is compiled.
 */
import type { Server as HttpServer } from 'node:http';

type Listener = (...values: never[]) => void;

interface Emitter {
  on(event: string, listener: Listener): unknown;
}

interface RedisClient extends Emitter {
  connect(): Promise<unknown>;
  xRange(stream: string, from: string, to: string): Promise<{ readonly message: Readonly<Record<string, string>> }[]>;
}

interface ServerSocket extends Emitter {
  readonly recovered: boolean;
  readonly handshake: { readonly auth: { readonly rooms: readonly string[] } };
  join(room: string): Promise<void> | void;
}

interface Server {
  on(event: 'connection', listener: (socket: ServerSocket) => void): unknown;
  to(room: string): { emit(event: string, ...values: unknown[]): boolean };
}

export interface SocketIoClient extends Emitter {
  readonly recovered: boolean;
  readonly io: Emitter & { uri: string; readonly engine: { close(): void } };
  timeout(ms: number): { emitWithAck(event: string, ...values: unknown[]): Promise<unknown> };
}

export interface SocketIo {
  readonly redis: { readonly createClient: (options: { readonly url: string }) => RedisClient };
  readonly adapter: { readonly createAdapter: (client: RedisClient, options: object) => unknown };
  readonly server: { readonly Server: new (http: HttpServer, options: object) => Server };
  readonly client: { readonly io: (url: string, options: object) => SocketIoClient };
}

/** Imports a package that the compiler does not know. */
export async function importPeer<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}
