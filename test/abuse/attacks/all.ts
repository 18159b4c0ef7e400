import type { Attack } from '../attack.ts';
import { compressedBombs } from './compressed-bombs.ts';
import { connectionFlood } from './connection-flood.ts';
import { emptyFragments } from './empty-fragments.ts';
import { garbage } from './garbage.ts';
import { endings } from './endings.ts';
import { halfOpen } from './half-open.ts';
import { hugeHeaders } from './huge-headers.ts';
import { pingFlood } from './ping-flood.ts';
import { pipelinedFiles } from './pipelined-files.ts';
import { resets } from './resets.ts';
import { slowBodies } from './slow-bodies.ts';
import { slowHandshake } from './slow-handshake.ts';
import { slowReader } from './slow-reader.ts';
import { slowWriter } from './slow-writer.ts';
import { socketFlood } from './socket-flood.ts';
import { tinyFragments } from './tiny-fragments.ts';
import { unfinishedMessages } from './unfinished-messages.ts';
import { unreadFiles } from './unread-files.ts';

/** Every attack, in the order in which they run. */
export const attacks: readonly Attack[] = [
  slowHandshake,
  slowReader,
  slowWriter,
  unfinishedMessages,
  tinyFragments,
  emptyFragments,
  pingFlood,
  compressedBombs,
  hugeHeaders,
  halfOpen,
  resets,
  endings,
  garbage,
  connectionFlood,
  pipelinedFiles,
  unreadFiles,
  slowBodies,
  socketFlood,
];
