import { AsyncLocalStorage } from 'node:async_hooks';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type ConnectTarget, replaceConnector } from '../client/connector.ts';
import { invalidArgument } from './arguments.ts';
import { MemoryLine } from './line.ts';

/** Names that never exist in a real network (RFC 6761): none of them leaves the process while a kit is in use. */
const TEST_NAME = /(?:^|\.)test\.?$/;

interface Host {
  readonly server: Server;
  /** The line of clients that have none of their own. */
  readonly line: MemoryLine;
}

const hosts = new Map<string, Host>();

/** The line of the client that is created, and the server that it leads to. */
interface LineTo {
  readonly where: string;
  readonly line: MemoryLine;
}

/** Each attempt of a client runs in the contexts of its creation; so do clients that its handler creates. */
const lines = new AsyncLocalStorage<LineTo>();

/** Has clients reach this server, without a port. @throws FourDError `ERR_INVALID_ARGUMENT` */
export function addHost(where: string, server: Server, line: MemoryLine): void {
  if (hosts.has(where)) {
    throw invalidArgument('url', `another server in memory has ${where}: end it first, or leave the url out`);
  }
  replaceConnector(connectInMemory);
  hosts.set(where, { server, line });
}

/** Forgets a server. Names under `.test` are refused from then on, as a server that has ended is. */
export function removeHost(where: string): void {
  hosts.delete(where);
}

/** Creates a client whose connections to this server all use this line. */
export function createOnLine<T>(where: string, line: MemoryLine, create: () => T): T {
  return lines.run({ where, line }, create);
}

function connectInMemory({ host, port, isSecure, socketPath }: ConnectTarget): Socket | undefined {
  const where = `${host}:${port}`;
  const found = hosts.get(where);
  if (socketPath !== undefined || (found === undefined && !TEST_NAME.test(host))) return undefined;
  const own = lines.getStore();
  const line = own?.where === where ? own.line : (found?.line ?? new MemoryLine('127.0.0.1'));
  return line.connect(found?.server, port, isSecure, where) as unknown as Socket;
}
