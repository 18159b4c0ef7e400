import fc from 'fast-check';

/** Which inputs of a law to try. */
export interface Trial {
  readonly seed?: number;
  /** Where to begin in the inputs of the seed, from the report of a failure. */
  readonly path?: string;
  readonly runs: number;
}

/** A property that holds for every input: `npm test` tries a few, `npm run fuzz` as many as there is time for. */
export interface Law {
  readonly name: string;
  /** How many inputs `npm test` tries. */
  readonly runs: number;
  /** Tries inputs. Returns the report of a failure with the smallest input that was found, `''` for no failure. */
  check(trial: Trial): Promise<string>;
}

/** @param property - fails by throwing */
export function defineLaw<T>(name: string, runs: number, property: fc.IRawProperty<T>): Law {
  return {
    name,
    runs,
    async check({ seed, path, runs: numRuns }) {
      const parameters = { numRuns, ...(seed !== undefined && { seed }), ...(path !== undefined && { path }) };
      const details = await fc.check(property, parameters);
      return details.failed ? `${fc.defaultReportMessage(details)}\n${reasonOf(details.errorInstance)}` : '';
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
