import type { MicroCase, Modules } from './micro-case.ts';

const TEXTS: readonly { readonly title: string; readonly text: string }[] = [
  { title: 'ASCII', text: 'The quick brown fox jumps over the lazy dog. ' },
  { title: 'mixed', text: 'Zwölf Boxkämpfer jagen Viktor quer über den Deich: é€😀. ' },
  { title: 'Japanese', text: 'いろはにほへとちりぬるを' },
];
const SIZES: readonly number[] = [64, 1024, 65_536];

/** Cases of checking text, whole and in two pieces. */
export function utf8Cases({ utf8: { Utf8Validator } }: Modules): readonly MicroCase[] {
  return TEXTS.flatMap(({ title, text }) =>
    SIZES.flatMap((size) => {
      const buffer = Buffer.from(text.repeat(Math.ceil(size / text.length))).subarray(0, size);
      const cut = size / 2 + 1;
      const whole: MicroCase = {
        name: `utf8 ${size} B ${title}`,
        bytes: size,
        run(times) {
          for (let i = 0; i < times; i++) new Utf8Validator().push(buffer, 0, size, false);
        },
      };
      const inTwo: MicroCase = {
        name: `${whole.name}, in two pieces`,
        bytes: size,
        run(times) {
          for (let i = 0; i < times; i++) {
            const validator = new Utf8Validator();
            validator.push(buffer, 0, cut, false);
            validator.push(buffer, cut, size, false);
          }
        },
      };
      return [whole, inTwo];
    }),
  );
}
