import { frame } from '../../helpers/frames.ts';
import type { HostileCrowd } from './hostile-crowd.ts';

/** Number of frames beyond the limit: the peer sends on after the close frame. */
const FRAMES_BEYOND = 200;

/** Sends messages in as many fragments as the limit allows, then more fragments. */
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
      await crowd.waitForEnd(peer);
    }),
  );
  await crowd.flood(async () => {
    const peer = await crowd.open();
    await peer.write(most);
    await peer.write(beyond);
    await crowd.waitForEnd(peer);
  });
}
