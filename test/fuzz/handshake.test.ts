import { expect, test } from 'vitest';
import { listHasToken, parseExtensions, parseTokenList } from '../../src/handshake/header-grammar.ts';
import { checkLaws } from './check-laws.ts';
import { handshakeLaws } from './laws/handshake.ts';

checkLaws(handshakeLaws);

test('RFC 6455 10.4: long headers take time in proportion to their length', () => {
  const longs = [',', 'a,', 'a;', 'a;x=', '"', 'a;x="', ' ', 'a;x="b",'].map((piece) => piece.repeat(200_000));
  const started = process.cpuUsage();
  for (const text of longs) {
    parseExtensions(text);
    parseTokenList(text);
    listHasToken(text, 'upgrade');
  }
  // Linear work takes about a tenth of a second; quadratic work on these would take hours.
  expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
});
