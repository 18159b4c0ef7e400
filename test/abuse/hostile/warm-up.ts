import { frame } from '../../helpers/frames.ts';
import { HostilePeer, type Target } from './hostile-peer.ts';

const PEERS = 150;

/** What decent peers are made by. */
export interface WarmUpTask extends Target {
  readonly rounds: number;
}

/** Decent connections in great number: each says something, and closes. */
export async function warmUp({ rounds, ...target }: WarmUpTask): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      Array.from({ length: PEERS }, async () => {
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
