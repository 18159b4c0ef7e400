import { openSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { devNull } from 'node:os';
import zlib from 'node:zlib';
import { timers } from '../../src/base/timers.ts';
import { partialMessageBudget, PartialMessageMemory } from '../../src/protocol/partial-message-budget.ts';
import { createDeflater } from './inventory.ts';

/** Mistakes that leave something behind, for the proof that a check finds them. */
export type FaultName = keyof typeof FAULTS;

const LEAKED_BYTES = 2048;

const kept: unknown[] = [];
const countByAddress = new Map<string, number>();

const FAULTS = {
  buffer: () => kept.push(Buffer.alloc(LEAKED_BYTES)),
  text: () => kept.push(Buffer.alloc(LEAKED_BYTES, String(kept.length)).toString('latin1')),
  closure: () => kept.push(() => kept),
  address: () => countByAddress.set(`2001:db8::${countByAddress.size}`, 1),
  timer: () => setTimeout(() => {}, 1_000_000),
  'unreferenced timer': () => setTimeout(() => {}, 1_000_000).unref(),
  deadline: () => timers.schedule({ onDeadline: () => {} }, 1_000_000),
  listener: () => process.on('beforeExit', () => {}),
  descriptor: () => openSync(devNull, 'r'),
  'partial message': () =>
    partialMessageBudget.update(new PartialMessageMemory({ staleMs: 0, onBudgetExceeded: () => {} }), 1),
  place: losePlace,
} as const;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** Makes a mistake once, as the library would for each connection that ends. */
export function commitFault(name: FaultName): void {
  FAULTS[name]();
}

/** Loses a place in the thread pool for compression: zlib never calls back. */
function losePlace(): void {
  const { deflateRaw } = zlib;
  zlib.deflateRaw = (() => {}) as unknown as typeof deflateRaw;
  syncBuiltinESMExports();
  createDeflater().deflate(Buffer.alloc(40_000), () => {});
  zlib.deflateRaw = deflateRaw;
  syncBuiltinESMExports();
}
