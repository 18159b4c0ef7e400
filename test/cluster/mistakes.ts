import type { Broker, BrokerSink, Entry } from '../../src/topics/broker.ts';
import { PLANTED_FAULTS } from '../topics/planted-faults.ts';

/** What goes wrong on purpose between a node and its broker. */
export interface Mistakes {
  /** Names of mistakes: those of `PLANTED_FAULTS`, and those of {@link BROKER_MISTAKES}. */
  readonly mistakes: readonly string[];
  /** Share of the announcements that get lost on their way from the broker. No mistake of the product. */
  readonly lostFeed: number;
}

type SinkMistake = (sink: BrokerSink) => BrokerSink;

/** Mistakes that the adapter of a broker could make. */
export const BROKER_MISTAKES: Readonly<Record<string, SinkMistake>> = {
  'no doubt when the broker is back': (sink) => ({
    onEntry: (...args) => sink.onEntry(...args),
    onState: (state) => sink.onState(state),
    onDoubt: () => {},
  }),
};

/** Plants mistakes of the product, and loses announcements. */
export function plantMistakes(broker: Broker, { mistakes, lostFeed }: Mistakes): Broker {
  let between: SinkMistake = (sink) => (lostFeed > 0 ? losing(sink, lostFeed) : sink);
  for (const name of mistakes) {
    PLANTED_FAULTS[name]?.();
    const mistake = BROKER_MISTAKES[name];
    const inner = between;
    if (mistake !== undefined) between = (sink) => mistake(inner(sink));
    if (mistake === undefined && PLANTED_FAULTS[name] === undefined) throw new Error(`no such mistake: ${name}`);
  }
  const { open } = broker;
  broker.open = (sink) => open.call(broker, between(sink));
  return broker;
}

function losing(sink: BrokerSink, share: number): BrokerSink {
  return {
    onEntry(topic: string, epoch: string, entry: Entry) {
      if (Math.random() >= share) sink.onEntry(topic, epoch, entry);
    },
    onDoubt: (topics) => sink.onDoubt(topics),
    onState: (state) => sink.onState(state),
  };
}
