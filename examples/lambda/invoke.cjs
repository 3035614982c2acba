// What Lambda does with the file, here: loads it once, and calls its handler.
const { handler } = require('./dist/handler.cjs');

handler().then(console.log);
