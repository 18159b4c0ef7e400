import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { conformanceCases } from '../cases/all.ts';
import type { CaseResult } from './judge.ts';
import { remoteServer } from './peers.ts';
import { toQuickForm } from './quick.ts';
import { runAgainst } from './run-peer.ts';

type OnMessage = (socket: WebSocket, data: Buffer, isBinary: boolean) => void;

/** Faulty peers, with the case that must find the fault and the reported detail. */
const FAULTS: readonly (readonly [title: string, onMessage: OnMessage, id: string, detail: string])[] = [
  ['no echo', () => {}, '1.1.2', 'an answer did not come within 200 ms'],
  ['no echo in an exchange', () => {}, '9.7.2', 'echo 0 did not come'],
  ['a wrong text', (socket) => socket.send('other'), '1.1.2', 'the answers are not the expected ones'],
  ['a wrong text in an exchange', (socket) => socket.send('other'), '9.7.2', 'instead of echo 0 came message'],
  ['bytes instead of text', (socket, data) => socket.send(data, { binary: true }), '1.1.2', 'the answers are not'],
  [
    'a doubled echo',
    (socket, data) => {
      socket.send(data.toString());
      socket.send(data.toString());
    },
    '1.1.2',
    'the answers are not the expected ones (message of 125 bytes, message of 125 bytes',
  ],
  ['a close by the peer', (socket) => socket.close(1000), '1.1.2', 'the peer closed first'],
  ['an end of TCP', (socket) => socket.terminate(), '1.1.2', 'the peer sent no close frame'],
];

async function runAgainstFaulty(onMessage: OnMessage, id: string): Promise<CaseResult> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data: Buffer, isBinary) => onMessage(socket, data, isBinary));
  });
  await once(server, 'listening');
  const peer = remoteServer(new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`));
  const testCase = toQuickForm(conformanceCases.find((each) => each.id === id)!);
  return await runAgainst(peer, testCase, { timeoutMs: 200, quietMs: 20, promptMs: 20 });
}

describe('the runner reports', () => {
  test.each(FAULTS)('%s', async (_title, onMessage, id, detail) => {
    const result = await runAgainstFaulty(onMessage, id);
    expect(result).toMatchObject({ id, verdict: 'failed' });
    expect(result.detail).toContain(detail);
  });

  test('a peer that does not compress', async () => {
    const result = await runAgainstFaulty(() => {}, '12.1.1');
    expect(result.verdict).toBe('unsupported');
  });
});
