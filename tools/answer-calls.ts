/** A call to a process, as it is sent. */
export interface CallRequest {
  readonly id: number;
  readonly call: string;
  readonly argument: unknown;
}

export type CallAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

function answer(result: CallAnswer): void {
  process.send?.(result);
}

/**
 * Answers the calls of the parent process, and exits when the parent disconnects.
 *
 * @param beforeEnd - cleans up before the exit
 */
export function answerCalls(functions: object, beforeEnd?: () => void): void {
  const table = functions as Readonly<Record<string, (argument: unknown) => Promise<unknown>>>;
  process.on('message', ({ id, call, argument }: CallRequest) => {
    (table[call] as (argument: unknown) => Promise<unknown>)(argument).then(
      (result) => answer({ id, result }),
      (error: unknown) => answer({ id, error: error instanceof Error ? error.message : String(error) }),
    );
  });
  // Open connections would keep the process alive.
  process.on('disconnect', () => {
    beforeEnd?.();
    process.exit();
  });
}
