import { payloadOf } from '../messages.ts';
import type { MicroCase, Modules } from './micro-case.ts';

const KEY = 0x37fa213d;
const SIZES: readonly number[] = [16, 64, 128, 256, 1024, 16_384, 1_048_576];

/** Cases of masking and unmasking in place. */
export function maskCases({ mask: { applyMask, nextMaskingKey } }: Modules): readonly MicroCase[] {
  const inPlace = [0, 1].flatMap((offset) =>
    SIZES.map((bytes): MicroCase => {
      const buffer = Buffer.concat([Buffer.alloc(offset), payloadOf({ kind: 'binary', bytes })]);
      return {
        name: `mask ${bytes} B${offset === 0 ? '' : ', not aligned'}`,
        bytes,
        run(times) {
          for (let i = 0; i < times; i++) applyMask(buffer, offset, offset + bytes, KEY);
        },
      };
    }),
  );
  const key: MicroCase = {
    name: 'mask: a new key',
    bytes: 4,
    run(times) {
      for (let i = 0; i < times; i++) nextMaskingKey();
    },
  };
  return [...inPlace, key];
}
