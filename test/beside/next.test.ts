import { expect } from 'vitest';
import { connectPeer } from '../helpers/peer.ts';
import { describeNeighbour } from './contract.ts';

describeNeighbour({
  name: 'Next.js',
  example: 'next/server.ts',
  async ownTraffic(url) {
    const page = await connectPeer(`${url}/_next/hmr?id=1`);
    expect(JSON.parse(await page.nextText())).toHaveProperty('type');
  },
});
