import type { Attack } from '../attack.ts';
import { compressedBombs } from './compressed-bombs.ts';
import { connectionFlood } from './connection-flood.ts';
import { emptyFragments } from './empty-fragments.ts';
import { garbage } from './garbage.ts';
import { halfOpen } from './half-open.ts';
import { hugeHeaders } from './huge-headers.ts';
import { pingFlood } from './ping-flood.ts';
import { resets } from './resets.ts';
import { slowHandshake } from './slow-handshake.ts';
import { slowReader } from './slow-reader.ts';
import { slowWriter } from './slow-writer.ts';
import { tinyFragments } from './tiny-fragments.ts';
import { unfinishedMessages } from './unfinished-messages.ts';

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
  garbage,
  connectionFlood,
];
