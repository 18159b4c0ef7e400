import { expect } from 'vitest';
import { connectPeer } from '../helpers/peer.ts';
import { describeNeighbour } from './contract.ts';

describeNeighbour({
  name: 'Next.js',
  example: 'next/server.ts',
  async ownTraffic(url) {
    const page = await connectPeer(`${url}/_next/hmr?id=1`);
    expect(JSON.parse(await page.nextText())).toHaveProperty('type');
    // Next would have decided about the upgrade request before it renders the page of the same path.
    const answer = await fetch(`${url.replace('ws:', 'http:')}/echo`);
    expect(await answer.text()).toContain('A page on the path of the WebSocket server.');
  },
});
