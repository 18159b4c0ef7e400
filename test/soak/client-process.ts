/**
 * Runs the clients of a soak in a process of their own:
 * `client-process.ts <seed> <max pause in ms> <connections> <ports> [<fault>]`.
 */
import { subscribe } from 'node:diagnostics_channel';
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket, type WebSocketHandler } from '../../src/index.ts';
import type { FaultName } from '../helpers/planted-faults.ts';
import { FIRST_ROUND_ID, planOf, ROUND_CONNECTIONS } from './plan.ts';
import { LONG_TIMEOUTS, SoakProcess } from './soak-process.ts';
import { type SideRecord, Talker, type TalkerOwner } from './talker.ts';

/** Connections that are opened per OPENING_INTERVAL_MS: few, so that both processes can do other work too. */
const OPENINGS_PER_INTERVAL = 15;
const OPENING_INTERVAL_MS = 50;
/** Connections of a round that are open at a time. */
const OPEN_IN_ROUND = 20;

const [seed, longestPauseMs, connections, plainPort, resettingPort] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
const fault = process.argv[7] as FaultName | undefined;

/** All clients share a signal, which must keep no listener of one that has ended. */
const { signal } = new AbortController();
setMaxListeners(0, signal);

let openCount = 0;
let openedCount = 0;
let lastId = 0;
/** Connections of the round that are not opened yet. */
let roundCount = 0;
let isHurrying = false;
let lastSocket: Socket | undefined;

// The library does not show a client's socket, and only the socket can reset the connection.
subscribe('net.client.socket', (message) => {
  lastSocket = (message as { socket: Socket }).socket;
});

const soak = new SoakProcess(longestPauseMs, fault, () => openCount);

const owner: TalkerOwner = {
  pace: soak.pace,
  reset: (id) => soak.reset(id),
  onMessage: (length) => soak.onMessage(length),
  onDone(record: SideRecord): void {
    openCount--;
    soak.onDone(record);
    goOnWithRound();
    tellWhenIdle();
  },
};

function tellWhenIdle(): void {
  if (isHurrying && openCount === 0) soak.tell({ report: 'idle' });
}

function goOnWithRound(): void {
  while (roundCount > 0 && openCount < OPEN_IN_ROUND) openOne(FIRST_ROUND_ID + --roundCount);
}

function openOne(id: number): void {
  openCount++;
  const plan = planOf(seed, id);
  const talker = new Talker(plan, 'client', owner);
  // Each client has an address of its own: the server must forget it with the last connection that came from there.
  const network = (++openedCount).toString(16).padStart(8, '0');
  const headers = { 'X-Forwarded-For': `2001:db8:${network.slice(0, 4)}:${network.slice(4)}::1` };
  const handler = Object.assign(talker, { headers }) as object as WebSocketHandler<unknown>;
  const { dataType, compression, ending, ender } = plan;
  const port = ending === 'reset' && ender === 'server' ? resettingPort : plainPort;
  // oxlint-disable-next-line no-new -- it lives until its onTerminate
  new WebSocket(`ws://127.0.0.1:${port}/${dataType}?id=${id}`, handler, { compression, signal, ...LONG_TIMEOUTS });
  const socket = lastSocket;
  soak.onReset(id, () => socket?.resetAndDestroy());
}

const opening = setInterval(() => {
  for (let i = 0; i < OPENINGS_PER_INTERVAL && openCount < connections; i++) openOne(++lastId);
}, OPENING_INTERVAL_MS);

soak.listen((order) => {
  if (order === 'hurry') {
    clearInterval(opening);
    isHurrying = true;
    tellWhenIdle();
  } else if (order === 'round') {
    roundCount = ROUND_CONNECTIONS;
    goOnWithRound();
  } else if (order === 'end') return soak.end(() => openCount);
  return undefined;
});
soak.tell({ report: 'ready', ports: [] });
