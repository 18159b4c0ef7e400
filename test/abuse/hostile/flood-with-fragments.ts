import { frame } from '../../helpers/frames.ts';
import type { HostileCrowd } from './hostile-crowd.ts';

/** Frames beyond the limit: the peer does not stop because it is told to. */
const FRAMES_BEYOND = 200;

/** Messages in as many fragments as the limit lets through, and then in more. */
export async function floodWithFragments(crowd: HostileCrowd, payload: string): Promise<void> {
  const next = frame('client', '00', payload);
  const most = Buffer.concat([
    frame('client', '01', payload),
    ...Array.from({ length: crowd.limits.maxFragments - 1 }, () => next),
  ]);
  const beyond = Buffer.concat(Array.from({ length: FRAMES_BEYOND }, () => next));

  const peers = await crowd.gather(async () => {
    const peer = await crowd.open();
    await peer.write(most);
    return peer;
  });
  await crowd.atHeight();
  await Promise.all(
    peers.map(async (peer) => {
      await peer.write(beyond);
      await crowd.patiently(peer);
    }),
  );
  await crowd.flood(async () => {
    const peer = await crowd.open();
    await peer.write(most);
    await peer.write(beyond);
    await crowd.patiently(peer);
  });
}
