/** The client for browsers, as it is built, in real browsers against a real server: the same rules in each of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useBrowser } from '../helpers/browser.ts';
import { type Firefox, firefoxPath, startFirefox } from '../helpers/firefox.ts';
import { startRuleServer } from './rule-server.ts';

const rulesFile = './page/rules.js';
const { rules } = (await import(rulesFile)) as { readonly rules: object };
const titles = Object.keys(rules);

function toExpression(title: string): string {
  return `runRule(${JSON.stringify(title)})`;
}

describe('in Chromium', () => {
  const open = useBrowser();

  test.each(titles)('%s', async (title) => {
    const { page } = await open(await startRuleServer());
    expect(await page.evaluate(toExpression(title))).toBe('passed');
  });
});

describe.skipIf(firefoxPath === undefined)(`in Firefox${firefoxPath === undefined ? ' (not installed)' : ''}`, () => {
  let firefox: Firefox;
  beforeAll(async () => {
    firefox = await startFirefox();
  });
  afterAll(() => firefox.close());

  test.each(titles)('%s', async (title) => {
    const evaluate = await firefox.open(await startRuleServer());
    expect(await evaluate(toExpression(title))).toBe('passed');
  });
});
