import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Benchmark, lower } from '../benchmark.ts';
import { packageFolder, peersFolder, projectFolder } from '../packages.ts';
import { LIBRARY } from '../peers/peer.ts';

const run = promisify(execFile);

/** What is timed after loading a package: its first server, with which this library loads the rest of its code. */
const FIRST_SERVERS: Readonly<Record<string, string>> = {
  [LIBRARY]: 'library.WebSocketServer.new({ onConnection: () => null }, { webServer: null })',
  ws: 'new library.WebSocketServer({ noServer: true })',
  uwebsockets: 'library.App()',
};

export const packageBenchmarks: readonly Benchmark[] = [
  {
    name: 'start-up',
    metrics: lower('import ms', 'require ms', 'require, first server ms'),
    side: 'package',
    async measure({ packageName = '' }, { processors }) {
      const cwd = packageName === LIBRARY ? projectFolder : peersFolder;
      const pinned = processors === undefined ? [] : ['taskset', '-c', String(processors.subject)];
      const time = async (type: 'module' | 'commonjs', statement: string): Promise<number> => {
        const script = `const at = performance.now(); ${statement}; console.log(performance.now() - at); process.exit()`;
        const [file = '', ...rest]: string[] = [...pinned, process.execPath, `--input-type=${type}`, '--eval', script];
        return Number((await run(file, rest, { cwd })).stdout);
      };
      const load = `const library = require('${packageName}')`;
      return {
        figures: {
          'import ms': await time('module', `await import('${packageName}')`),
          'require ms': await time('commonjs', load),
          'require, first server ms': await time('commonjs', `${load}; ${FIRST_SERVERS[packageName] ?? ''}`),
        },
      };
    },
  },
  {
    name: 'package-size',
    metrics: lower('bytes'),
    side: 'package',
    maxRounds: 1,
    async measure({ packageName = '' }) {
      return {
        figures: { bytes: packageName === LIBRARY ? await packedBytes() : bytesIn(packageFolder(packageName)) },
      };
    },
  },
];

async function packedBytes(): Promise<number> {
  const options = { cwd: projectFolder, shell: process.platform === 'win32' };
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], options);
  return (JSON.parse(stdout) as { unpackedSize: number }[])[0]?.unpackedSize ?? Number.NaN;
}

function bytesIn(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => name !== 'node_modules');
  const sizeOf = (path: string, isFolder: boolean): number => (isFolder ? bytesIn(path) : statSync(path).size);
  return entries.reduce((sum, entry) => sum + sizeOf(join(folder, entry.name), entry.isDirectory()), 0);
}
