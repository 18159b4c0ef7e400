/** Longer names are nobody's slip, and take long to compare. */
const LONGEST_NAME = 64;

/**
 * Finds the name that somebody meant who wrote another one: case does not count, and some letters may be wrong, missing,
 * too many or swapped with the next. A name of which five letters or more are there is meant too.
 *
 * @param maxEdits - how many letters may be wrong, by default one in three, at most three
 * @returns the name that differs least; undefined when none is near
 */
export function nearestName(
  given: string,
  known: Iterable<string>,
  maxEdits: number = Math.min(3, Math.floor((given.length + 1) / 3)),
): string | undefined {
  if (given.length > LONGEST_NAME) return undefined;
  const wanted = given.toLowerCase();
  let nearest: string | undefined;
  let least = Infinity;
  for (const name of known) {
    const candidate = name.toLowerCase();
    const isBeginning = wanted.length >= 5 && candidate.startsWith(wanted);
    const edits = editDistance(wanted, candidate);
    if ((edits > maxEdits && !isBeginning) || edits >= least) continue;
    nearest = name;
    least = edits;
  }
  return nearest;
}

/** Counts the letters to change, add, drop, or swap with their neighbour, to make one text of the other. */
function editDistance(one: string, other: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const change = one[row - 1] === other[column - 1] ? 0 : 1;
      const isSwap = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + change,
        isSwap ? (beforeLast[column - 2] as number) + 1 : Infinity,
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] as number;
}
