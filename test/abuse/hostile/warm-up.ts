import { frame } from '../../helpers/frames.ts';
import { HostilePeer, type Target } from './hostile-peer.ts';

const PEER_COUNT = 150;

/** The task of the warm-up. */
export interface WarmUpTask extends Target {
  readonly rounds: number;
}

/** Opens many well-behaved connections: each sends one message and closes. */
export async function warmUp({ rounds, ...target }: WarmUpTask): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      Array.from({ length: PEER_COUNT }, async () => {
        const peer = new HostilePeer(target);
        await peer.connected;
        peer.request();
        if (!(await peer.opened)) throw new Error(`a decent peer was refused: ${await peer.ended}`);
        await peer.write(frame('client', '81', Buffer.from('hello'.repeat(200))));
        await peer.write(frame('client', '88', '03e8'));
        const ending = await peer.ended;
        if (ending !== '1000') throw new Error(`a decent peer was ended: ${ending}`);
      }),
    );
  }
}
