import { expect, test } from 'vitest';
import { MembersView, PRESENCE } from '../../src/topics/members-view.ts';

test('members are counted once for all who ask until one of them may have changed, and nobody can change the list', () => {
  let counted = 0;
  const keys = new Set(['ann', 'bob']);
  const view = new MembersView('room', PRESENCE, (id) => {
    counted++;
    return { member: { id, since: 0 }, facts: { user: id, info: undefined }, size: 3 };
  });
  (view.snapshot(keys).list as unknown[]).pop();
  expect(view.snapshot(keys)).toMatchObject({ count: 2, list: [{ id: 'ann' }, { id: 'bob' }] });
  expect(counted).toBe(2);
  view.mark('bob');
  keys.delete('bob');
  expect(view.snapshot(keys)).toMatchObject({ count: 1, list: [{ id: 'ann' }] });
});
