import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { useBrowser } from '../helpers/browser.ts';
import { startLine } from '../helpers/line.ts';
import { type Program, startExample } from '../helpers/program.ts';

const open = useBrowser();

function startChat(port = '0'): Promise<Program> {
  return startExample('examples/chat.ts', { env: { PORT: port } });
}

function addressOf(program: Program): Promise<string> {
  return program.printed(/http:\/\/127\.0\.0\.1:\d+\//);
}

/** What the log shows: notices, and messages with their authors, without the times. */
function entries(page: Page): Promise<string[]> {
  return page.locator('#log > *').evaluateAll((list) =>
    (list as unknown as { textContent: string; querySelector(css: string): { textContent: string } | null }[]).map(
      (entry) => {
        const text = entry.querySelector('.text')?.textContent;
        return text === undefined ? entry.textContent : `${entry.querySelector('.name')?.textContent}: ${text}`;
      },
    ),
  );
}

/** Waits until the log has an entry with this text. */
function waitForEntry(page: Page, text: string): Promise<void> {
  return page.locator('#log > *', { hasText: text }).last().waitFor();
}

function waitForState(page: Page, wanted: 'connecting' | 'connected' | 'lost'): Promise<void> {
  return page.locator(`#connection[data-state="${wanted}"]`).waitFor();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

async function takeName(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Change' }).click();
}

/** Spares the wait for the next attempt, unless it is over already. */
async function tryNow(page: Page): Promise<void> {
  await page
    .getByRole('button', { name: 'Try now' })
    .click({ timeout: 1000 })
    .catch(() => {});
}

function peopleOf(page: Page): Promise<string[]> {
  return page.getByRole('region', { name: /^Here/ }).getByRole('listitem').allInnerTexts();
}

function firstTimeOf(page: Page): Promise<string | null> {
  return page.locator('#log time').first().getAttribute('datetime');
}

function enter(page: Page, room: string): Promise<void> {
  return page.getByRole('link', { name: room }).click();
}

test('two tabs show who joins, talks, changes the name and leaves', async () => {
  const chat = await startChat();
  const url = await addressOf(chat);
  const first = await open(url);
  await waitForEntry(first.page, 'You joined');
  const second = await open(url);
  await waitForEntry(first.page, 'Guest 2 joined');
  await takeName(second.page, 'Ben');
  await waitForEntry(first.page, 'Guest 2 is now Ben');
  await waitForEntry(second.page, 'Guest 2 is now Ben');
  await say(first.page, 'hello');
  await waitForEntry(second.page, 'hello');
  await say(second.page, 'good day');
  await waitForEntry(first.page, 'good day');

  const talk = ['Guest 2 is now Ben'];
  expect(await entries(first.page)).toEqual([
    'You joined as Guest 1',
    'Guest 2 joined',
    ...talk,
    'Me: hello',
    'Ben: good day',
  ]);
  expect(await entries(second.page)).toEqual(['You joined as Guest 2', ...talk, 'Guest 1: hello', 'Me: good day']);
  expect(await peopleOf(first.page)).toEqual(['Guest 1 (you)', 'Ben']);
  expect(await first.page.locator('#people-list .name').first().getAttribute('data-color')).toBe('blue');
  // Who reloads the page has not left. Nobody hears of it, and it is no new name.
  await second.page.reload();
  await waitForEntry(second.page, 'You joined as Ben');
  expect(await entries(second.page)).toEqual(['Guest 1: hello', 'Me: good day', 'You joined as Ben']);
  await second.page.close();
  await waitForEntry(first.page, 'Ben left');
  expect(await entries(first.page)).toHaveLength(6);
  expect(await peopleOf(first.page)).toEqual(['Guest 1 (you)']);
  expect([...first.problems, ...second.problems]).toEqual([]);
});

test('rooms are separate, and who joins sees what was said before, at its own time', async () => {
  const url = await addressOf(await startChat());
  const first = await open(`${url}#books`);
  await waitForEntry(first.page, 'You joined');
  for (const text of ['one', 'two']) await say(first.page, text);
  await waitForEntry(first.page, 'two');
  const second = await open(url);
  await waitForEntry(second.page, 'You joined');
  await say(second.page, 'in the lobby');
  await waitForEntry(second.page, 'in the lobby');
  expect(await peopleOf(second.page)).toEqual(['Guest 2 (you)']);
  await second.page.clock.setFixedTime(Date.now() + 3_600_000);
  await enter(second.page, 'books');
  await waitForEntry(first.page, 'Guest 2 joined');
  await waitForEntry(second.page, 'You joined');
  expect(await entries(second.page)).toEqual(['Guest 1: one', 'Guest 1: two', 'You joined as Guest 2']);
  expect(await firstTimeOf(second.page)).toBe(await firstTimeOf(first.page));
  expect(await second.page.title()).toBe('#books · Chat');
  expect(await second.page.getByRole('link', { name: 'books' }).getAttribute('aria-current')).toBe('page');
  await expect.poll(() => peopleOf(second.page)).toEqual(['Guest 1', 'Guest 2 (you)']);
  await enter(second.page, 'lobby');
  await waitForEntry(first.page, 'Guest 2 left');
  await waitForEntry(second.page, 'in the lobby');
  // Any name is a room, and what is none is told.
  await second.page.goto(`${url}#b%C3%BCcher`);
  await waitForEntry(second.page, 'You joined');
  await enter(second.page, 'bücher');
  await second.page.goto(`${url}#a%20b`);
  await waitForEntry(second.page, 'You cannot enter this room: the name of a room has 1 to 32 letters');
  await second.page.goto(`${url}#*`);
  await waitForEntry(second.page, 'You cannot enter this room: invalid topic');
  expect(await entries(first.page)).toEqual([
    'You joined as Guest 1',
    'Me: one',
    'Me: two',
    'Guest 2 joined',
    'Guest 2 left',
  ]);
  expect([...first.problems, ...second.problems]).toEqual([]);
});

test('after a lost connection the page shows what was missed, and nobody has left', async () => {
  const url = await addressOf(await startChat());
  const first = await open(url);
  await waitForEntry(first.page, 'You joined');
  const line = await startLine(Number(new URL(url).port));
  const second = await open(`http://127.0.0.1:${line.port}/`);
  await waitForEntry(second.page, 'You joined');
  await waitForEntry(first.page, 'Guest 2 joined');
  line.cut();
  await waitForState(second.page, 'lost');
  for (const text of ['one', 'two', 'three']) await say(first.page, text);
  await waitForEntry(first.page, 'three');
  line.mend();
  await tryNow(second.page);
  await waitForEntry(second.page, 'three');
  const missed = ['Guest 1: one', 'Guest 1: two', 'Guest 1: three'];
  expect(await entries(second.page)).toEqual(['You joined as Guest 2', '3 messages while you were away', ...missed]);
  line.cut();
  await waitForState(second.page, 'lost');
  line.mend();
  await tryNow(second.page);
  await waitForEntry(second.page, 'You are back as Guest 2: you missed nothing');
  expect(await entries(first.page)).toEqual([
    'You joined as Guest 1',
    'Guest 2 joined',
    'Me: one',
    'Me: two',
    'Me: three',
  ]);
});

test('when the chat is killed and started again the page says what is lost, and the conversation goes on', async () => {
  const chat = await startChat();
  const url = await addressOf(chat);
  const line = await startLine(Number(new URL(url).port));
  const first = await open(`http://127.0.0.1:${line.port}/`);
  await waitForEntry(first.page, 'You joined');
  const second = await open(url);
  await waitForEntry(first.page, 'Guest 2 joined');
  await say(first.page, 'before');
  await waitForEntry(second.page, 'before');
  line.cut();
  await chat.kill();
  await Promise.all([first, second].map(({ page }) => waitForState(page, 'lost')));
  await startChat(new URL(url).port).then(addressOf);
  await tryNow(second.page);
  await waitForEntry(second.page, 'The chat was restarted');
  // The restarted chat keeps what is said before the other one is back.
  await say(second.page, 'after');
  await waitForEntry(second.page, 'after');
  line.mend();
  await tryNow(first.page);
  await waitForEntry(first.page, 'after');
  await say(first.page, 'good to be back');
  await waitForEntry(second.page, 'good to be back');
  const restarted = 'The chat was restarted: what was said before is not kept';
  expect(await entries(first.page)).toEqual([
    'You joined as Guest 1',
    'Guest 2 joined',
    'Me: before',
    restarted,
    'Guest 2: after',
    'Me: good to be back',
  ]);
  expect(await entries(second.page)).toEqual([
    'You joined as Guest 2',
    'Guest 1: before',
    restarted,
    'Me: after',
    'Guest 1: good to be back',
  ]);
  await expect.poll(() => peopleOf(first.page)).toEqual(['Guest 2', 'Guest 1 (you)']);
});

test('a message that the chat did not get is told, sent again, and said once', async () => {
  const url = await addressOf(await startChat());
  const line = await startLine(Number(new URL(url).port));
  const { page } = await open(`http://127.0.0.1:${line.port}/`);
  await waitForEntry(page, 'You joined');
  line.stall();
  await say(page, 'hello');
  await page.getByText('Your message is not stored yet').waitFor();
  line.cut();
  await waitForState(page, 'lost');
  line.mend();
  await tryNow(page);
  await waitForEntry(page, 'hello');
  await expect.poll(() => page.getByText('Your message is not stored yet').count()).toBe(0);
  expect(await entries(page)).toEqual([
    'You joined as Guest 1',
    'You are back as Guest 1: you missed nothing',
    'Me: hello',
  ]);
});

test('a message that is refused is told, and its text is in the field again', async () => {
  const { page } = await open(await addressOf(await startChat()));
  await waitForEntry(page, 'You joined');
  await say(page, '\u0007');
  await waitForEntry(page, 'This was not said');
  expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('\u0007');
});

test('names and messages of others are shown as text, not as HTML', async () => {
  const chat = await startChat();
  const url = await addressOf(chat);
  const first = await open(url);
  await waitForEntry(first.page, 'You joined');
  const second = await open(url);
  // Who takes another name before the others hear of it joins with that name.
  await waitForEntry(first.page, 'Guest 2 joined');
  const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  await takeName(second.page, '<b>Eve</b>');
  await say(second.page, evil);
  await waitForEntry(first.page, evil);
  await waitForEntry(first.page, 'Guest 2 is now <b>Eve</b>');
  expect(await first.page.locator('#log :is(img, script, b)').count()).toBe(0);
  expect(await first.page.title()).toBe('#lobby · Chat');
  expect(first.problems).toEqual([]);
});

test('the content security policy of the page forbids setting innerHTML to a string', async () => {
  const { page } = await open(await addressOf(await startChat()));
  await waitForState(page, 'connected');
  const outcome = page.evaluate(() => {
    const { document } = globalThis as unknown as { document: { body: { innerHTML: string } } };
    document.body.innerHTML = '<p>no</p>';
  });
  await expect(outcome).rejects.toThrow('TrustedHTML');
});

test('when the chat ends the page shows it, keeps the text, and reconnects by itself with its name', async () => {
  const chat = await startChat();
  const url = await addressOf(chat);
  const { page } = await open(url);
  await waitForState(page, 'connected');
  await takeName(page, 'Ann');
  await waitForEntry(page, 'Guest 1 is now Ann');
  chat.signal('SIGINT');
  expect(await chat.ended).toEqual({ code: 0, signal: null });
  await waitForState(page, 'lost');
  expect(await page.getByRole('status').first().innerText()).toBe('Connection lost. Reconnecting');
  expect(await page.getByRole('button', { name: 'Try now' }).isVisible()).toBe(true);
  await say(page, 'are you there?');
  await page.getByText('Not connected: your text stays here').waitFor();

  const next = await startChat(new URL(url).port);
  await waitForState(page, 'connected');
  await waitForEntry(page, 'The chat was restarted');
  expect(await next.printed(/^\+ .*$/m)).toBe('+ Ann (1 here)');
  expect(await page.getByText('Not connected').count()).toBe(0);
  await page.getByLabel('Message', { exact: true }).press('Enter');
  await waitForEntry(page, 'are you there?');
  // A new page of the same browser has the name too.
  await page.reload();
  await waitForEntry(page, 'You joined as Ann');
  expect(await page.getByLabel('Your name').inputValue()).toBe('Ann');
});

test('the button connects at once, and the focus moves to the message field', async () => {
  const chat = await startChat();
  const url = await addressOf(chat);
  const { page } = await open(url);
  await waitForState(page, 'connected');
  // With a stopped clock, and the longest of waits, the page never reconnects by itself.
  await page.clock.install();
  await page.evaluate('Math.random = () => 0.99');
  await page.clock.pauseAt(Date.now() + 60_000);
  chat.signal('SIGTERM');
  await chat.ended;
  await waitForState(page, 'lost');
  await startChat(new URL(url).port).then(addressOf);
  await page.getByRole('button', { name: 'Try now' }).press('Enter');
  await page.clock.runFor(1);
  await waitForState(page, 'connected');
  expect(await page.locator(':focus').getAttribute('id')).toBe('message');
});

test('a callback of the page that fails ends the chat, and the page says so', async () => {
  const { page } = await open(await addressOf(await startChat()));
  await waitForEntry(page, 'You joined');
  await page.evaluate("document.createElement = () => { throw new Error('oops'); }");
  await say(page, 'hello');
  await waitForState(page, 'lost');
  expect(await page.getByRole('status').first().innerText()).toBe('Disconnected: this page has failed');
  await page.evaluate('delete document.createElement');
  await page.getByRole('button', { name: 'Try now' }).click();
  await waitForEntry(page, 'You joined');
  await waitForState(page, 'connected');
});

test('every part can be used with the keyboard', async () => {
  const { page, problems } = await open(await addressOf(await startChat()));
  await waitForState(page, 'connected');
  const focused = (): Promise<string> =>
    page.locator(':focus').evaluate((element) => {
      const { id, textContent } = element as unknown as { id: string; textContent: string };
      return id === '' ? textContent.trim() : id;
    });
  // The message field has the focus at first.
  expect(await focused()).toBe('message');
  await page.keyboard.type('hello');
  await page.keyboard.press('Enter');
  await waitForEntry(page, 'hello');
  expect(await focused()).toBe('message');
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Send');
  const back: string[] = [];
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Shift+Tab');
    back.push(await focused());
  }
  expect(back).toEqual(['message', 'log', 'travel', 'music', 'books', 'lobby', 'Change', 'name']);
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('Ann');
  await page.keyboard.press('Enter');
  await waitForEntry(page, 'Guest 1 is now Ann');
  expect(await focused()).toBe('message');
  expect(problems).toEqual([]);
});

test('every part has its role and name for screen readers', async () => {
  const { page } = await open(await addressOf(await startChat()));
  await waitForEntry(page, 'You joined as Guest 1');
  const snapshot = await page.locator('body').ariaSnapshot();
  for (const part of [
    'banner',
    'heading "Chat" [level=1]',
    'status: Connected',
    'textbox "Your name": Guest 1',
    'button "Change"',
    'main',
    'navigation "Rooms"',
    'link "lobby"',
    'region "Here 1"',
    'region "Conversation in lobby"',
    'log "Messages"',
    'textbox "Message"',
    'button "Send"',
  ]) {
    expect(snapshot).toContain(part);
  }
});

test('the log scrolls to new messages unless the reader has scrolled up', async () => {
  const url = await addressOf(await startChat());
  const first = await open(url, { viewport: { width: 800, height: 400 } });
  await waitForState(first.page, 'connected');
  const second = await open(url);
  await waitForState(second.page, 'connected');
  for (let i = 1; i <= 12; i++) await say(second.page, `line ${i}`);
  const last = (text: string) => first.page.locator('#log > *', { hasText: text }).last();
  await waitForEntry(first.page, 'line 12');
  const isInView = (text: string): Promise<boolean> =>
    last(text).evaluate((element) => {
      type Box = { getBoundingClientRect(): { top: number; bottom: number }; parentElement: Box };
      const entry = element as unknown as Box;
      const [inner, outer] = [entry.getBoundingClientRect(), entry.parentElement.getBoundingClientRect()];
      return inner.top >= outer.top && inner.bottom <= outer.bottom;
    });
  expect(await isInView('line 12')).toBe(true);

  await first.page.getByRole('log').press('Home');
  await expect.poll(() => isInView('You joined')).toBe(true);
  await say(second.page, 'the newest');
  const button = first.page.getByRole('button', { name: 'New messages below' });
  await button.waitFor();
  expect(await isInView('You joined')).toBe(true);
  await button.click();
  expect(await isInView('the newest')).toBe(true);
  expect(await button.isVisible()).toBe(false);
});

test.each([
  [320, 640, 'light'],
  [390, 844, 'dark'],
  [1280, 800, 'light'],
] as const)('a window of %i by %i pixels shows all parts without sideways scrolling, %s', async (...size) => {
  const [width, height, colorScheme] = size;
  const chat = await startChat();
  const url = `${await addressOf(chat)}#${'w'.repeat(32)}`;
  const { page, problems } = await open(url, { viewport: { width, height }, colorScheme, hasTouch: width < 1000 });
  await waitForState(page, 'connected');
  await takeName(page, 'W'.repeat(24));
  await say(page, 'x'.repeat(500));
  await waitForEntry(page, 'xxx');
  const sideways = (): Promise<number> =>
    page.locator('html').evaluate((element) => {
      const { scrollWidth, clientWidth } = element as unknown as { scrollWidth: number; clientWidth: number };
      return scrollWidth - clientWidth;
    });
  const boxes = async (): Promise<void> => {
    for (const part of ['#connection', '#name-form', '#rooms', '#people', '#log', '#message', '#message-form button']) {
      const box = (await page.locator(part).boundingBox())!;
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + box.height).toBeLessThanOrEqual(height);
    }
  };
  expect(await sideways()).toBe(0);
  await boxes();
  expect(problems).toEqual([]);
  chat.signal('SIGINT');
  await waitForState(page, 'lost');
  expect(await sideways()).toBe(0);
  await boxes();
});
