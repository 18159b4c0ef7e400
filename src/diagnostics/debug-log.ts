import { subscribe } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';
import { CHANNEL_NAMES } from './channels.ts';

const log = debuglog('4d-websocket');
const framesLog = debuglog('4d-websocket-frames');

/** Whether `NODE_DEBUG` asks for a line for each frame. */
export const LOGS_FRAMES: boolean = framesLog.enabled;

let hasStarted = false;

/** Begins to print what the channels publish when `NODE_DEBUG` asks for it. Called with the first client or server. */
export function startDebugLog(): void {
  if (hasStarted) return;
  hasStarted = true;
  if (!log.enabled) return;
  for (const [name, channel] of Object.entries(CHANNEL_NAMES)) {
    subscribe(channel, (message) => log('%s', describe(name, message as object)));
  }
}

/** Prints a line about a frame, when {@link LOGS_FRAMES}. */
export function logFrame(facts: object): void {
  framesLog('%s', describeFacts(facts));
}

/** Puts a message of a channel into words, such as `connection opened side=server id=7 path=/chat`. */
export function describe(channel: string, message: object): string {
  const { type, ...facts } = message as { readonly type: string };
  return `${channel} ${type} ${describeFacts(facts)}`.trimEnd();
}

function describeFacts(facts: object): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${describeValue(value)}`)
    .join(' ');
}

/** Texts of peers must not look like other facts, or begin another line. */
function describeValue(value: unknown): string {
  const text = typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : String(value);
  return /^[\w./:*@%+~-]+$/.test(text) ? text : JSON.stringify(text).replaceAll(/[^\x20-\x7e]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
