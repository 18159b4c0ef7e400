import { ScaleClients } from '../scale/scale-clients.ts';
import { answerCalls } from './answer-calls.ts';
import { startProfile, stopProfile } from './profile.ts';
import type { ScaleClientsCalls } from './scale-calls.ts';
import { usage } from './usage.ts';

const clients = new ScaleClients();

const calls: ScaleClientsCalls = {
  usage,
  startProfile,
  stopProfile,
  open: (task) => clients.open(task),
  async expect(text) {
    clients.expect(text);
  },
  arrivals: () => clients.arrivals(),
  verify: () => clients.verify(),
  async pings() {
    return clients.pings;
  },
};

answerCalls(calls, () => clients.close());
