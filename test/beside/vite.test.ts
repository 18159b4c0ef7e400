import { expect } from 'vitest';
import { connectPeer } from '../helpers/peer.ts';
import { describeNeighbour } from './contract.ts';

describeNeighbour({
  name: 'Vite',
  example: 'vite/server.ts',
  async ownTraffic(url) {
    const page = await connectPeer(`${url}/`, { protocols: ['vite-hmr'] });
    expect(await page.nextText()).toBe('{"type":"connected"}');
  },
  // Vite cuts all connections at its end, and exits as a program that a signal has ended.
  closeCode: 1006,
  end: { code: 143, signal: null },
});
