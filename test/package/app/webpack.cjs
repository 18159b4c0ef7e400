/** Bundles a program with webpack: the package, the program, the file to write, what it is for. */
const [webpack, entry, output, target = 'node'] = process.argv.slice(2);
const { basename, dirname, resolve } = require('node:path');

const options = {
  target,
  mode: 'development',
  entry: resolve(entry),
  output: { path: dirname(resolve(output)), filename: basename(output) },
};
require(webpack)(options, (error, stats) => {
  if (error !== null || stats.hasErrors()) throw error ?? new Error(stats.toString());
});
