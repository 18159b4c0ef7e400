import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Benchmark } from '../benchmark.ts';
import { importingFolder } from '../packages.ts';

const SCRIPT = `
  const beganAt = performance.now();
  await import(process.argv[1]);
  console.log(performance.now() - beganAt);
  process.exit();
`;

/** Measures the time to import a peer in a fresh process. */
export const startUp: Benchmark = {
  name: 'start-up',
  title: 'Start-up: import in a fresh process',
  metrics: [{ name: 'time', title: 'ms', better: 'lower' }],
  headline: 'time',
  side: 'package',
  async measure({ packageName = '', entry }, { processors }) {
    const specifier = entry === undefined ? packageName : pathToFileURL(entry).href;
    const command = [process.execPath, '--input-type=module', '--eval', SCRIPT, specifier];
    const [file = '', ...rest] =
      processors === undefined ? command : ['taskset', '-c', String(processors.subject), ...command];
    const { stdout } = await promisify(execFile)(file, rest, { cwd: importingFolder(packageName) });
    return { figures: { time: Number(stdout) } };
  },
};
