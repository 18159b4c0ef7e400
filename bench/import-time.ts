/**
 * Measures how long it takes to load the library, and `ws`, each time in a new process: `npm run bench:import`. The last
 * line adds the first server, with which the library loads the rest of its code.
 */
import { execFileSync } from 'node:child_process';
import { median } from './report/statistics.ts';

const ROUNDS = 21;

const FIRST_SERVERS: Readonly<Record<string, string>> = {
  '4d-websocket': 'WebSocketServer.new({ onConnection: () => null }, { webServer: null })',
  ws: 'new WebSocketServer({ noServer: true })',
};

const loads = {
  import: (name: string): string[] => ['--input-type=module', '--eval', timed(`await import('${name}')`)],
  require: (name: string): string[] => ['--input-type=commonjs', '--eval', timed(`require('${name}')`)],
  'require, first server': (name: string): string[] => [
    '--input-type=commonjs',
    '--eval',
    timed(`const { WebSocketServer } = require('${name}'); ${FIRST_SERVERS[name]}`),
  ],
};

function timed(statement: string): string {
  return `const start = performance.now(); ${statement}; console.log(performance.now() - start)`;
}

for (const [way, argumentsFor] of Object.entries(loads)) {
  const times: Record<string, number[]> = { '4d-websocket': [], ws: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, found] of Object.entries(times)) {
      found.push(Number(execFileSync(process.execPath, argumentsFor(name), { encoding: 'utf8' })));
    }
  }
  const figures = Object.entries(times).map(([name, found]) => {
    return `${name} ${median(found).toFixed(1)} ms (least ${Math.min(...found).toFixed(1)})`;
  });
  console.log(`${way.padEnd(23)}${figures.join(', ')}`);
}
