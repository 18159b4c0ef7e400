/** Counts what moves in memory, so that a test can wait until all has come to rest. */
export const activity: { moves: number } = { moves: 0 };
