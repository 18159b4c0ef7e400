/** The client for browsers, as it is built, in real browsers against a real server: the same rules in each of them. */
import { describe, expect, test } from 'vitest';
import { useBrowser } from '../helpers/browser.ts';
import { describeInFirefox } from '../helpers/firefox.ts';
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

describeInFirefox((open) => {
  test.each(titles)('%s', async (title) => {
    const evaluate = await open(await startRuleServer());
    expect(await evaluate(toExpression(title))).toBe('passed');
  });
});
