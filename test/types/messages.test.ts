import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { makeFolder } from '../helpers/folder.ts';

const root = join(import.meta.dirname, '..', '..');

/** What the compiler prints of a program: code, and text with the numbers of lines cut off. */
async function compile(program: string): Promise<string[]> {
  const folder = makeFolder({ 'program.ts': program });
  const compilerOptions = {
    noEmit: true,
    typeRoots: [join(root, 'node_modules/@types')],
    paths: { '4d-websocket': [join(root, 'src/index.ts')] },
  };
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['program.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const run = promisify(execFile)(process.execPath, [tsc, '-p', folder, '--pretty', 'false']);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const { stdout } = await run.catch((error: unknown) => error as { readonly stdout: string });
  return stdout.trim().split('\n');
}

test('4D-215 a misspelt callback in what onConnection returns is one error, which names the right one', async () => {
  const lines = await compile(`
    import { WebSocketServer } from '4d-websocket';
    WebSocketServer.new({ onConnection: () => ({ onMessage() {}, onTerminat() {} }) });
  `);
  const given = '() => { onMessage(): void; onTerminat(): void; }';
  const sentence = '"onTerminat is never called: did you mean onTerminate?"';
  expect(lines).toEqual([
    expect.stringMatching(/program\.ts\(3,\d+\): error TS2322: /),
    `  Type '${given}' is not assignable to type '${sentence}'.`,
  ]);
});

test('4D-215 a handler of other messages than those of dataType is an error that says so', async () => {
  const lines = await compile(`
    import { type ServerHandler, WebSocketServer } from '4d-websocket';
    export const start = (handler: ServerHandler<Uint8Array>) => {
      WebSocketServer.new(handler);
      WebSocketServer.new(handler, { dataType: 'blob' });
      WebSocketServer.new(handler, { dataType: 'text' });
    };
  `);
  expect(lines.filter((line) => !line.startsWith(' '))).toEqual([
    expect.stringMatching(/program\.ts\(4,\d+\): error TS2379: /),
    expect.stringMatching(/program\.ts\(6,\d+\): error TS2769: /),
  ]);
  expect(lines.at(-1)).toContain('"another one, because of the messages that this handler takes"');
});
