import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { WebSocket } from 'ws';

const PATHS = [process.env['FIREFOX_PATH'] ?? '', '/usr/bin/firefox-esr', '/usr/bin/firefox'];

/** The program of Firefox; undefined where it is not installed. */
const firefoxPath: string | undefined = PATHS.find((path) => path !== '' && existsSync(path));

/** Opens a page in a tab of its own. Returns a function that evaluates an expression there, and awaits its text. */
type OpenPage = (url: string) => Promise<(expression: string) => Promise<unknown>>;

/** A Firefox without a window, driven by WebDriver BiDi, which is a WebSocket of its own. */
interface Firefox {
  open: OpenPage;
  close(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly type: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** Runs tests in Firefox; skips them where it is not installed. */
export function describeInFirefox(tests: (open: OpenPage) => void): void {
  const isMissing = firefoxPath === undefined;
  describe.skipIf(isMissing)(`in Firefox${isMissing ? ' (not installed)' : ''}`, () => {
    let firefox: Firefox;
    beforeAll(async () => {
      firefox = await startFirefox();
    });
    afterAll(() => firefox.close());
    tests((url) => firefox.open(url));
  });
}

async function startFirefox(): Promise<Firefox> {
  const profile = mkdtempSync(join(tmpdir(), 'firefox-'));
  // A page of a test server must not wait for the pause that Firefox makes after a failed connection to it.
  writeFileSync(join(profile, 'user.js'), 'user_pref("network.websocket.delay-failed-reconnects", false);\n');
  const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'];
  const program = spawn(firefoxPath!, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile },
  });
  const ended = new Promise((resolve) => program.once('exit', resolve));
  const address = await new Promise<string>((resolve, reject) => {
    let output = '';
    program.stderr.on('data', (data) => {
      output += String(data);
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(output);
      if (found) resolve(found[1]!);
    });
    void ended.then(() => reject(new Error(`Firefox ended:\n${output}`)));
  });

  const socket = new WebSocket(`${address}/session`);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (answer: Answer) => void>();
  socket.on('message', (data: Buffer) => {
    const answer = JSON.parse(data.toString()) as Answer;
    waiting.get(answer.id ?? 0)?.(answer);
  });
  let lastId = 0;
  const call = async (method: string, params: object): Promise<Readonly<Record<string, unknown>>> => {
    const id = ++lastId;
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const answer = await answered;
    if (answer.type !== 'success') throw new Error(`${method}: ${answer.message}`);
    return answer.result ?? {};
  };
  await call('session.new', { capabilities: {} });

  return {
    async open(url) {
      const { context } = await call('browsingContext.create', { type: 'tab' });
      await call('browsingContext.navigate', { context, url, wait: 'complete' });
      return async (expression) => {
        const params = { expression, target: { context }, awaitPromise: true };
        const { result, exceptionDetails } = await call('script.evaluate', params);
        if (exceptionDetails !== undefined) throw new Error((exceptionDetails as { text: string }).text);
        return (result as { value?: unknown }).value;
      };
    },
    async close() {
      socket.close();
      program.kill();
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
