/** Bundles a program for Node.js with webpack: the package, the program, the file to write. */
const [webpack, entry, output] = process.argv.slice(2);
const { basename, dirname, resolve } = require('node:path');

const options = {
  target: 'node',
  mode: 'development',
  entry: resolve(entry),
  output: { path: dirname(resolve(output)), filename: basename(output) },
};
require(webpack)(options, (error, stats) => {
  if (error !== null || stats.hasErrors()) throw error ?? new Error(stats.toString());
});
