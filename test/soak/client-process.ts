/** The clients of a soak, in a process of their own: `client-process.ts <seed> <longest pause in ms> <connections> <ports>`. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { WebSocket, type WebSocketHandler } from '../../src/index.ts';
import { planOf } from './plan.ts';
import { PATIENCE, SoakProcess } from './soak-process.ts';
import { type SideRecord, Talker, type TalkerOwner } from './talker.ts';

/** Connections that are opened in 50 ms, so that both processes can do something else too. */
const OPENED_AT_ONCE = 15;
const OPENING_MS = 50;

const [seed, longestPauseMs, connections, plainPort, resettingPort] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];

let open = 0;
let lastId = 0;
let isHurrying = false;
let lastSocket: Socket | undefined;

// The socket of a client is nobody's business, but to reset it there is no other way.
subscribe('net.client.socket', (message) => {
  lastSocket = (message as { socket: Socket }).socket;
});

const soak = new SoakProcess(longestPauseMs, () => open);

const owner: TalkerOwner = {
  pace: soak.pace,
  reset: (id) => soak.reset(id),
  onMessage: (length) => soak.onMessage(length),
  onDone(record: SideRecord): void {
    open--;
    soak.onDone(record);
    tellWhenIdle();
  },
};

function tellWhenIdle(): void {
  if (isHurrying && open === 0) soak.tell({ report: 'idle' });
}

function openOne(): void {
  const id = ++lastId;
  open++;
  const plan = planOf(seed, id);
  const handler = new Talker(plan, 'client', owner) as object as WebSocketHandler<unknown>;
  const { dataType, compression, ending, ender } = plan;
  const port = ending === 'reset' && ender === 'server' ? resettingPort : plainPort;
  // oxlint-disable-next-line no-new -- it lives until its onTerminate
  new WebSocket(`ws://127.0.0.1:${port}/${dataType}?id=${id}`, handler, { compression, ...PATIENCE });
  const socket = lastSocket;
  soak.onReset(id, () => socket?.resetAndDestroy());
}

const opening = setInterval(() => {
  for (let i = 0; i < OPENED_AT_ONCE && open < connections; i++) openOne();
}, OPENING_MS);

soak.listen((order) => {
  if (order === 'hurry') {
    clearInterval(opening);
    isHurrying = true;
    tellWhenIdle();
  } else if (order === 'end') return soak.end(() => open);
  return undefined;
});
soak.tell({ report: 'ready', ports: [] });
