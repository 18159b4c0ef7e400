module.exports = require('4d-websocket/ws');
