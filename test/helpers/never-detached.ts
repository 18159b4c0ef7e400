import type { WriteBatchListener } from '../../src/connection/write-batch.ts';

/** The listener of a batch that is given no memory that goes away. */
export const NEVER_DETACHED: WriteBatchListener = {
  onBlocked() {},
  onMessageDetached() {
    throw new Error('a message was detached');
  },
};
