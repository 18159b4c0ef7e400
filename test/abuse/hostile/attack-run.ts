import { createDeferred, type Deferred } from '../../helpers/deferred.ts';
import type { Attack } from '../attack.ts';
import type { AttackStep } from '../processes/calls.ts';
import { type CrowdTask, HostileCrowd } from './hostile-crowd.ts';

/** An attack that pauses at each height until {@link AttackRun.next} is called. */
export class AttackRun {
  readonly #over: Promise<AttackStep>;
  /** Heights that {@link next} has not returned yet. */
  readonly #heights: { readonly step: AttackStep; readonly measured: Deferred<void> }[] = [];
  #height: Deferred<void> = createDeferred();
  #measuring: Deferred<void> | undefined;

  constructor(attack: Attack, task: CrowdTask) {
    const crowd = new HostileCrowd(task, (peers, isBusy) => this.#onHeight({ state: 'height', peers, isBusy }));
    this.#over = attack
      .run(crowd)
      .then(() => crowd.settle())
      .then((report) => ({ state: 'over', report }));
  }

  /** Continues the attack, and resolves with the next height or the end. */
  async next(): Promise<AttackStep> {
    this.#measuring?.resolve();
    this.#measuring = undefined;
    if (this.#heights.length === 0) {
      const over = await Promise.race([this.#over, this.#height.promise]);
      if (over !== undefined) return over;
    }
    const { step, measured } = this.#heights.shift()!;
    this.#measuring = measured;
    return step;
  }

  #onHeight(step: AttackStep): Promise<void> {
    const measured = createDeferred();
    this.#heights.push({ step, measured });
    this.#height.resolve();
    this.#height = createDeferred();
    return measured.promise;
  }
}
