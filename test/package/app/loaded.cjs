/** Prints what is loaded with the library, and then by its first call: files of the package, and modules of Node. */
const { statSync } = require('node:fs');

const files = new Set([__filename]);
const modules = new Set(process.moduleLoadList);

/** What has been loaded since the last time. */
function loaded() {
  const newFiles = Object.keys(require.cache).filter((file) => !files.has(file));
  const newModules = process.moduleLoadList.filter((name) => !modules.has(name));
  for (const file of newFiles) files.add(file);
  for (const name of newModules) modules.add(name);
  return {
    files: newFiles.map((file) => file.replace(/.*4d-websocket./, '')),
    bytes: newFiles.reduce((sum, file) => sum + statSync(file).size, 0),
    modules: newModules
      .map((name) => name.replace('NativeModule ', ''))
      .filter((name) => !name.startsWith('internal/')),
  };
}

const { currentProcessName, WebSocketServer } = require('4d-websocket');
const withLibrary = loaded();
currentProcessName();
const withFirstCall = loaded();
WebSocketServer.new({ onConnection: () => null }, { webServer: null });
const later = loaded();
WebSocketServer.new({ onConnection: () => null }, { webServer: null, path: '/topics', topics: true });
console.log(JSON.stringify({ withLibrary, withFirstCall, later, withTopics: loaded() }));
