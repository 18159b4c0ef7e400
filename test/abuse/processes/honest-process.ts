import { answerCalls } from '../../../tools/answer-calls.ts';
import { HonestCrowd } from '../honest/honest-crowd.ts';
import type { HonestCalls } from './calls.ts';

let crowd: HonestCrowd | undefined;

const calls: HonestCalls = {
  async start({ port, clients }) {
    crowd = await HonestCrowd.start(port, clients);
  },
  async enter(phase) {
    crowd!.phase = phase;
  },
  stop: () => crowd!.stop(),
};

answerCalls(calls);
