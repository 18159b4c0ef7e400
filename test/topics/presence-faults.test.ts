import { expect, test } from 'vitest';
import { monotonicMs, wallMs } from '../../src/base/clock.ts';
import { timers } from '../../src/base/timers.ts';
import { createRandom } from '../soak/random.ts';
import { FaultyLogs, NO_FAULTS } from './faulty-broker.ts';
import { PresenceWorld, type WatchingNode } from './presence-world.ts';

/** The last ones lose entries in a failover that their node had not seen. */
const SEEDS = [...Array.from({ length: 12 }, (_, i) => i + 1), 27, 71, 100, 152];

test.each(SEEDS)('whatever goes wrong, all nodes agree in the end on who is there (seed %i)', async (seed) => {
  const world = new PresenceWorld();
  const next = createRandom(seed);
  const below = (count: number): number => Math.floor(next() * count);
  const logs = new FaultyLogs({
    random: next,
    clock: { monotonicMs, wallMs },
    schedule: (delayMs, callback) => void timers.schedule({ onDeadline: callback }, Math.max(delayMs, 1)),
    faults: { drop: 0.1, double: 0.1, reorder: 0.1, refuse: 0.05, loseAnswer: 0.05, failRead: 0.05, delayMs: 300 },
  });
  const nodes = Array.from({ length: 4 }, () => world.node({ logs }).watch());
  const living = new Set(nodes);
  /** The connection of each session: where it is, and how it ends. */
  const open = new Map<string, { readonly node: WatchingNode; readonly leave: (isAtOnce: boolean) => void }>();
  const anyNode = (): WatchingNode => [...living][below(living.size)]!;
  const steps: (() => void)[] = [
    () => logs.kill(below(4000)),
    () => logs.failOver(below(5), below(4000)),
    () => logs.disconnect(below(4000)),
    () => logs.pause(below(14_000)),
    () => {
      // A node dies, and its connections with it.
      if (living.size < 3) return;
      const node = anyNode();
      living.delete(node);
      node.broker.hold();
      for (const [session, { node: owner }] of open) if (owner === node) open.delete(session);
    },
  ];
  await world.clock.advance(20_000);
  for (let i = 0; i < 60; i++) {
    const session = `session ${below(8)}`;
    const known = open.get(session);
    if (next() < 0.1) steps[below(steps.length)]!();
    else if (known === undefined || next() < 0.5) {
      // A client comes, or comes back: the end of its old connection may be noticed before or after.
      const node = anyNode();
      if (next() < 0.5) known?.leave(false);
      const leave = node.show(session);
      known?.leave(false);
      open.set(session, { node, leave });
    } else {
      known.leave(next() < 0.5);
      open.delete(session);
    }
    await world.clock.advance(below(3000));
  }
  Object.assign(logs.faults, NO_FAULTS);
  await world.clock.advance(120_000);
  const there = [...open.keys()].toSorted();
  const appends = [...living].map(({ broker }) => broker.appended.length);
  for (const node of living) {
    expect(node.members).toEqual(there);
    const { list } = await node.core.presence.members('room');
    expect(list.map(({ id }) => id).toSorted()).toEqual(there);
  }
  // Nobody who has left is in the log either, and nothing is written any more.
  const { state = [] } = logs.logs.read({ topic: '@members/room', limit: 0, maxBytes: 0, isStateWanted: true });
  expect(state.map(({ key = '' }) => key).toSorted()).toEqual(there);
  await world.clock.advance(60_000);
  expect([...living].map(({ broker }) => broker.appended.length)).toEqual(appends);
});
