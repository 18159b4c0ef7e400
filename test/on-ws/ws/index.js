module.exports = require('../../../dist/ws.js');
