import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { floodWithFragments } from '../hostile/flood-with-fragments.ts';

export const tinyFragments: Attack = {
  name: 'tiny-fragments',
  title: 'cut messages into fragments of one byte',
  peers: 400,
  settings: {},
  // The buffer of a message doubles as it grows.
  bound: ({ maxFragments }) => ({
    bytes: CONNECTION_BYTES + 2 * maxFragments,
    formula: 'connection + 2 x maxFragments bytes',
  }),
  endings: ['1008'],
  patienceMs: 5000,
  run: (crowd) => floodWithFragments(crowd, '61'),
};
