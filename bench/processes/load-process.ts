import { Load } from '../load/load.ts';
import { TopicLoad } from '../load/topic-load.ts';
import { answerCalls } from './answer-calls.ts';
import type { LoadCalls } from './calls.ts';
import { startProfile, stopProfile } from './profile.ts';
import { usage } from './usage.ts';

const loads: Load[] = [];

function lastLoad(): Load {
  const load = loads.at(-1);
  if (load === undefined) throw new Error('no connections are open');
  return load;
}

const topics = new TopicLoad();

const calls: LoadCalls = {
  openTopics: (plan) => topics.openTopics(plan),
  flow: (task) => topics.flow(task),
  timeDeliveries: (count) => topics.timeDeliveries(count),
  stall: (task) => topics.stall(task),
  catchUp: () => topics.catchUp(),
  comeBack: (count) => topics.comeBack(count),
  usage,
  startProfile,
  stopProfile,
  open(plan) {
    const load = new Load(plan);
    loads.push(load);
    return load.open();
  },
  async run(durationMs) {
    return lastLoad().run(durationMs);
  },
  async pace(pacing) {
    return lastLoad().pace(pacing);
  },
  async verify() {
    await Promise.all(loads.map((load) => load.verify()));
  },
};

answerCalls(calls, () => {
  topics.close();
  for (const load of loads) load.close();
});
