import { createHash } from 'node:crypto';
import { RAISE, READ, type Script } from '../../src/redis/scripts.ts';
import type { Broker, BrokerSink, Entry } from '../../src/topics/broker.ts';
import { PLANTED_FAULTS } from '../topics/planted-faults.ts';

/** What goes wrong on purpose between a node and its broker. */
export interface Mistakes {
  /** Names of mistakes: those of `PLANTED_FAULTS`, and those of {@link REDIS_MISTAKES}. */
  readonly mistakes: readonly string[];
  /** Share of the announcements that get lost on their way from the broker. No mistake of the product. */
  readonly lostFeed: number;
}

/** Changes a part of a script. The server knows scripts by their hashes. */
function change(script: Script, from: string, to: string): void {
  if (!script.text.includes(from)) throw new Error(`the script has no "${from}"`);
  const text = script.text.replace(from, to);
  Object.assign(script, { text, sha: createHash('sha1').update(text).digest('hex') });
}

/** Mistakes that the broker for Redis could make. */
const REDIS_MISTAKES: Readonly<Record<string, () => void>> = {
  'the fence does not know what is stored': () =>
    change(RAISE, 'math.max(tonumber(last or 0), tonumber(ARGV[2]))', 'tonumber(ARGV[2])'),
  'forks are not seen': () => {
    change(READ, "if known ~= ARGV[3] then gap = 'forked' end", '');
    change(
      READ,
      "elseif after > tonumber(head) then gap = 'forked'",
      'elseif after > tonumber(head) then start = length',
    );
  },
};

/** Plants mistakes of the product, and loses announcements. */
export function plantMistakes(broker: Broker, { mistakes, lostFeed }: Mistakes): Broker {
  for (const name of mistakes) {
    const plant = PLANTED_FAULTS[name] ?? REDIS_MISTAKES[name];
    if (plant === undefined) throw new Error(`no such mistake: ${name}`);
    plant();
  }
  const open = broker.open.bind(broker);
  if (lostFeed > 0) broker.open = (sink) => open(losing(sink, lostFeed));
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
