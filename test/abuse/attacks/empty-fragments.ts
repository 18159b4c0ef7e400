import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { floodWithFragments } from '../hostile/flood-with-fragments.ts';

export const emptyFragments: Attack = {
  name: 'empty-fragments',
  title: 'send messages of empty fragments',
  peers: 400,
  settings: {},
  bound: () => ({ bytes: CONNECTION_BYTES, formula: 'connection' }),
  endings: ['1008'],
  patienceMs: 5000,
  run: (crowd) => floodWithFragments(crowd, ''),
};
