import type { Attack } from '../attack.ts';
import { allowedBytes } from '../bounds.ts';
import type { Height, Outcome } from './outcome.ts';

/** Lists the problems of an attack's outcome. The list is empty when everything is as documented. */
export function judge(attack: Pick<Attack, 'endings' | 'otherEndings'>, outcome: Outcome): string[] {
  return [
    ...judgeHonest(outcome),
    ...outcome.heights.flatMap(judgeMemory),
    ...outcome.heights.flatMap(judgeFiles),
    ...judgeEndings(attack, outcome),
    ...judgeLeft(outcome),
    ...outcome.kept.map((kept) => `after all peers have gone: ${kept}`),
  ];
}

function judgeHonest({ honest: { sent, lost, doubled, changed, broken, latencies } }: Outcome): string[] {
  const problems = [];
  if (lost > 0) problems.push(`${lost} of ${sent} honest messages were lost`);
  if (doubled > 0) problems.push(`${doubled} answers to honest clients came twice`);
  if (changed > 0) problems.push(`${changed} answers to honest clients were changed`);
  if (broken.length > 0) problems.push(`${broken.length} honest connections ended, the first one: ${broken[0]}`);
  if ((latencies['during']?.count ?? 0) === 0) problems.push('no honest message was sent during the attack');
  return problems;
}

function judgeMemory({ peers, heldBytes, bound: { bytes, formula } }: Height): string[] {
  const allowed = allowedBytes(peers, bytes);
  if (heldBytes <= allowed) return [];
  const sum = `${bytes} each: ${formula}`;
  return [`the server held ${heldBytes} bytes for ${peers} hostile peers, but ${allowed} are allowed (${sum})`];
}

/** A connection is sent one file at a time, however many it asks for. */
function judgeFiles({ peers, openFiles }: Height): string[] {
  return openFiles <= peers ? [] : [`the server had ${openFiles} files open for ${peers} hostile peers`];
}

function judgeEndings(
  { endings, otherEndings = [] }: Pick<Attack, 'endings' | 'otherEndings'>,
  outcome: Outcome,
): string[] {
  const seen = outcome.hostile.endings;
  const known = new Set([...endings, ...otherEndings]);
  return [
    ...endings.filter((ending) => seen[ending] === undefined).map((ending) => `no hostile peer ended with ${ending}`),
    ...Object.keys(seen)
      .filter((ending) => !known.has(ending))
      .map((ending) => `${seen[ending]} hostile peers ended with ${ending}, which is not documented`),
  ];
}

function judgeLeft({ left: { connections, sockets, descriptors, lateServers } }: Outcome): string[] {
  const problems = [];
  if (connections + sockets > 0) {
    problems.push(`${connections} connections and ${sockets} sockets were left at the server`);
  }
  // The descriptors of sockets that are left are known.
  if (descriptors > sockets) problems.push(`${descriptors} descriptors were left open at the server`);
  if (lateServers > 0) problems.push(`${lateServers} servers were not over in their time`);
  return problems;
}
