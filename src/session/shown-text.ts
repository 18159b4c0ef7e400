/** Characters that change how the text around them looks, or what a terminal does: control, format and line breaks. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/**
 * Returns a text of somebody else as a message may show it, on one line.
 *
 * @param maxLength - longest result in UTF-16 units; what is longer ends with `…`
 */
export function shown(text: string, maxLength: number): string {
  // What is cut off is not looked at. A pair of surrogates that was cut in two goes with the other unseen characters.
  const clean = text
    .slice(0, 4 * maxLength)
    .replace(UNSEEN, ' ')
    .trim();
  return clean.length <= maxLength ? clean : `${clean.slice(0, maxLength - 1).replace(/\p{Cs}$/u, '')}…`;
}
