import { expect } from 'vitest';
import { connectPeer } from '../helpers/peer.ts';
import { describeNeighbour } from './contract.ts';

describeNeighbour({
  name: 'Socket.IO',
  example: 'socket-io.ts',
  async ownTraffic(url) {
    const http = await fetch(`${url.replace('ws:', 'http:')}/socket.io/?EIO=4&transport=polling`);
    expect(await http.text()).toMatch(/^0\{"sid":/);
    const peer = await connectPeer(`${url}/socket.io/?EIO=4&transport=websocket`);
    expect(await peer.nextText()).toMatch(/^0\{"sid":/);
    peer.send('40');
    expect(await peer.nextText()).toMatch(/^40\{"sid":/);
    peer.send('420["echo","hi"]');
    expect(await peer.nextText()).toBe('430["hi"]');
  },
});
