import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { frameOf } from '../../bench/load/frames.ts';
import { answerUpgrade } from '../../bench/load/handshake.ts';
import { parseScaleCommandLine } from '../../bench/scale/command-line.ts';
import { formatScale } from '../../bench/scale/format-scale.ts';
import { planShards } from '../../bench/scale/process-plan.ts';
import { ScaleClients } from '../../bench/scale/scale-clients.ts';
import type { ScaleResult, ScaleRun } from '../../bench/scale/scale-result.ts';
import { startProgram } from '../helpers/program.ts';

const TEXT = 0x81;
const PING = 0x89;
const CONNECTIONS = 5;

describe('splitting connections over processes', () => {
  test('takes one process that may open enough files', () => {
    expect(planShards(50_000, 1_048_576)).toEqual([{ offset: 0, connections: 50_000 }]);
    expect(planShards(50_000, Infinity)).toHaveLength(1);
  });

  test('gives no process more than it may open, and leaves none out', () => {
    for (const [connections, openFiles] of [
      [50_000, 20_000],
      [50_000, 1024],
      [7, 102],
      [1, 101],
    ] as const) {
      const shards = planShards(connections, openFiles);
      expect(Math.max(...shards.map((shard) => shard.connections))).toBeLessThanOrEqual(openFiles - 100);
      let offset = 0;
      for (const shard of shards) {
        expect(shard.offset).toBe(offset);
        offset += shard.connections;
      }
      expect(offset).toBe(connections);
    }
    expect(planShards(50_000, 20_000)).toHaveLength(3);
  });

  test('fails for a limit without room for connections', () => {
    expect(() => planShards(10, 100)).toThrow('100 open files are too few to measure: raise the limit with ulimit -n');
  });
});

describe('the command line of the scale benchmark', () => {
  test('defaults to 50 000 connections', () => {
    expect(parseScaleCommandLine([], '/results')).toMatchObject({
      connections: 50_000,
      peers: ['4d-websocket'],
      rounds: 3,
      idleMs: 30_000,
    });
    expect(parseScaleCommandLine(['--quick'], '/results')).toMatchObject({ connections: 5000, idleMs: 3000 });
    expect(parseScaleCommandLine(['--quick', '--connections', '7', '--peer', 'ws'], '/results')).toMatchObject({
      connections: 7,
      peers: ['ws'],
    });
  });

  test.each([
    [['--connections', '0'], '--connections'],
    [['--rounds', '1.5'], '--rounds'],
    [['--idle', '0'], '--idle'],
    [['--idle', '81'], '--idle'],
    [['--peer', 'undici'], 'there is no peer "undici", only 4d-websocket, ws'],
  ])('refuses %j', (args, message) => {
    expect(() => parseScaleCommandLine(args, '/results')).toThrow(message);
  });
});

describe('the clients of the scale benchmark', () => {
  let sockets: Socket[] = [];
  let received: Buffer[] = [];
  let clients: ScaleClients;

  beforeEach(async () => {
    sockets = [];
    received = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', (request) => {
        socket.write(answerUpgrade(request.toString('latin1'), false));
        socket.on('data', (bytes) => received.push(bytes));
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    clients = new ScaleClients(1000);
    await clients.open({ port: (server.address() as AddressInfo).port, connections: CONNECTIONS, offset: 0 });
    clients.expect('to all');
    return () => server.close();
  });

  afterEach(() => {
    clients.close();
    for (const socket of sockets) socket.destroy();
  });

  const message = frameOf(Buffer.from('to all'), TEXT, false);

  test('report the sorted times at which each got the message', async () => {
    for (const socket of sockets) socket.write(message);
    const arrivals = await clients.arrivals();
    expect(arrivals).toHaveLength(CONNECTIONS);
    expect(arrivals).toEqual(arrivals.toSorted((left, right) => left - right));
    expect(arrivals[0]).toBeGreaterThan(0);
  });

  test('accept a message in pieces, and answer a ping', async () => {
    const ping = frameOf(Buffer.from('hi'), PING, false);
    for (const socket of sockets) socket.write(message.subarray(0, 3));
    const arrivals = clients.arrivals();
    await new Promise(setImmediate);
    for (const socket of sockets) socket.write(Buffer.concat([message.subarray(3), ping]));
    expect(await arrivals).toHaveLength(CONNECTIONS);
    expect(clients.pings).toBe(CONNECTIONS);
    // The answer is a masked pong with the payload of the ping.
    expect(Buffer.concat(received)).toEqual(
      Buffer.concat(Array.from({ length: CONNECTIONS }, () => frameOf(Buffer.from('hi'), 0x8a, true))),
    );
  });

  test('report a lost message', async () => {
    for (const socket of sockets.slice(1)) socket.write(message);
    await expect(clients.arrivals()).rejects.toThrow(
      `messages lost: 1 of ${CONNECTIONS} clients did not get the message`,
    );
  });

  test('report a message that comes twice', async () => {
    for (const socket of sockets) socket.write(message);
    sockets[0]?.write(message);
    await expect(clients.arrivals()).rejects.toThrow('a client got a message twice');
  });

  test('report a changed message', async () => {
    sockets[0]?.write(frameOf(Buffer.from('to alL'), TEXT, false));
    await expect(clients.arrivals()).rejects.toThrow('a message is not the one that was sent');
  });

  test('report a lost connection while they expect no message', async () => {
    const verified = clients.verify();
    sockets[0]?.resetAndDestroy();
    await expect(verified).rejects.toThrow('connection lost');
  });
});

function broadcast(lastMs: number, max: number): ScaleResult['broadcasts'][number] {
  const still = { p50: 0, p99: 0, max: 0 };
  return { way: 'broadcast', firstMs: 1, halfMs: 2, lastMs, loopDelays: [still, { ...still, max }] };
}

test('the report has the figures of each process, their sum, and medians of the rounds', () => {
  const server = {
    connections: 2,
    rssBytes: 2 ** 20,
    rssBytesPerConnection: 5000,
    heapBytesPerConnection: 3000,
    idle: { cpuShare: 0.015, pings: 2, maxLoopDelayMs: 1 },
  };
  const text = formatScale({
    peer: '4d-websocket',
    version: '1.0.0',
    notes: '',
    connections: 5,
    openMs: 2000,
    idleMs: 3000,
    servers: [
      server,
      { ...server, connections: 3, rssBytesPerConnection: 6000, idle: { ...server.idle, maxLoopDelayMs: 4 } },
    ],
    broadcasts: [broadcast(30, 7), broadcast(10, 5), broadcast(20, 6)],
  });
  expect(text).toContain('4d-websocket 1.0.0: 5 connections, opened in 2.0 s (3/s)');
  expect(text).toMatch(/connections +2 +3 +5$/m);
  expect(text).toMatch(/RSS, MiB +1 +1 +2$/m);
  expect(text).toMatch(/RSS, bytes\/connection +5,000 +6,000 +5,500$/m);
  expect(text).toMatch(/idle for 3 s: CPU, % +1\.5 +1\.5 +3\.0$/m);
  expect(text).toMatch(/longest loop delay, ms +1\.0 +4\.0 +4\.0$/m);
  expect(text).toMatch(/wss\.broadcast +1\.0 +2\.0 +20\.0 +6\.0$/m);
  expect(text).toContain('each of the 5 clients got each message once; medians of 3 rounds');
});

test('the benchmark splits itself when a process may open too few files', { timeout: 90_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'scale-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'scale.json');
  const command = `ulimit -n 300 && exec "$0" --import tsx bench/scale/run.ts --connections 350 --rounds 1 --idle 0.1 --json "$1"`;
  const program = await startProgram('/bin/sh', {
    args: ['-c', command, process.execPath, file],
    env: { TSX_TSCONFIG_PATH: 'tsconfig.json' },
  });
  expect(await program.ended, program.output).toEqual({ code: 0, signal: null });
  expect(program.output).toContain('a process may have 300 files open: 2 server processes and as many of clients');
  expect(program.output).toContain('each of the 350 clients got each message once');
  const run = JSON.parse(readFileSync(file, 'utf8')) as ScaleRun;
  expect(run.results[0]?.servers.map(({ connections }) => connections)).toEqual([175, 175]);
  expect(run.results[0]?.broadcasts.map(({ way }) => way)).toEqual(['broadcast', 'loop']);
});
