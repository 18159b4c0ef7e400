/** Prints the files of the package that loading it loads. */
require('4d-websocket');
const files = Object.keys(require.cache).filter((file) => file !== __filename);
console.log(files.map((file) => file.replace(/.*4d-websocket./, '')).join('\n'));
