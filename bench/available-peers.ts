import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { peersFolder } from './folders.ts';
import type { Peer } from './peers.ts';
import type { DescribingCalls, PeerDescription } from './processes/calls.ts';
import { Remote } from './processes/remote.ts';

/** Installs the peers on the first run. If that fails, only peers among the library's dev dependencies run. */
export function installPeers(onProgress: (text: string) => void): void {
  if (existsSync(join(peersFolder, 'node_modules'))) return;
  onProgress('installing the peers into bench/npm/node_modules (about 260 MB, once)');
  try {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: peersFolder,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
  } catch (error) {
    onProgress(`the peers could not be installed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Loads each peer in a process of its own, because a native module may crash its process.
 *
 * @returns the descriptions of the peers that run here, and the reasons why others do not
 */
export async function describePeers(
  peers: readonly Peer[],
): Promise<{ readonly descriptions: Readonly<Record<string, PeerDescription>>; readonly skipped: readonly string[] }> {
  const descriptions: Record<string, PeerDescription> = {};
  const skipped: string[] = [];
  for (const peer of peers) {
    const remote = new Remote<DescribingCalls>(peer.module === 'undici' ? 'client' : 'server', {
      processor: undefined,
    });
    try {
      descriptions[peer.name] = await remote.ask('describe', peer);
    } catch (error) {
      skipped.push(`${peer.name}: ${error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)}`);
    } finally {
      await remote.stop();
    }
  }
  return { descriptions, skipped };
}
