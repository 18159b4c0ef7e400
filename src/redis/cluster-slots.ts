import { PARTITIONS } from './names.ts';
import type { Reply } from './link.ts';
import type { ServerAddress } from './options.ts';

const SLOTS = 16_384;

/** The polynomial of the CRC that clusters use (XMODEM). */
const POLYNOMIAL = 0x1021;

/** The slot of each partition: that of its number, which stands in braces in all of its keys. */
const slots = Array.from({ length: PARTITIONS }, (_, partition) => crc16(`${partition}`) % SLOTS);

/** Tells which server has each partition; undefined for one that no server has. Asked for by `CLUSTER SLOTS`. */
export function readSlots(reply: Reply, asked: ServerAddress): (ServerAddress | undefined)[] {
  const ranges = (reply as readonly (readonly Reply[])[]).map(([start, end, master]) => {
    const [host, port] = master as readonly Reply[];
    // A server that does not know its own name leaves it out.
    const name = host === null || host === undefined || String(host) === '' ? asked.host : String(host);
    return { start: Number(start), end: Number(end), address: { host: name, port: Number(port) } };
  });
  return slots.map((slot) => ranges.find(({ start, end }) => slot >= start && slot <= end)?.address);
}

function crc16(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0)) & 0xffff;
  }
  return crc;
}
