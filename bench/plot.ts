/** Draws a plot of the results of a run: `npm run bench:plot -- [results.json] [plot.svg]`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder, resultsFolder } from './folders.ts';
import { drawPlot } from './report/plot.ts';
import type { RunResult } from './report/results.ts';

const [jsonFile = join(resultsFolder, 'latest.json'), plotFile = join(projectFolder, 'docs', 'bench.svg')] =
  process.argv.slice(2);

const plot = drawPlot(JSON.parse(readFileSync(jsonFile, 'utf8')) as RunResult);
if (plot === undefined) throw new Error(`${jsonFile} has no results of the loads that the plot shows`);
writeFileSync(plotFile, plot);
console.log(plotFile);
