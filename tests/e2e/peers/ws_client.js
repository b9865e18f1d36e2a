// A client of the library `ws` for the tests with real peers: ws_client.js URL ACT [deflate]. It
// does one act and prints what it saw as a line of JSON.
'use strict';
const crypto = require('crypto');
const WebSocket = require('ws');

const [url, act, deflate] = process.argv.slice(2);
const seen = { messages: 0, same: true };
const socket = new WebSocket(url, ['chat'], {
  perMessageDeflate: deflate === 'deflate' ? { threshold: 0 } : false,
  maxPayload: 8 << 20, handshakeTimeout: 20000,
});
const watchdog = setTimeout(() => finish('too late'), 20000);

function finish(why) {
  clearTimeout(watchdog);
  console.log(JSON.stringify({ ...seen, why }));
  process.exit(0);
}

// Text that is not ASCII, nothing, and up to 1 MiB that compresses badly and well.
const said = [
  'h\u00e9llo \u4e16\u754c', '', Buffer.alloc(0), crypto.randomBytes(125),
  crypto.randomBytes(126), crypto.randomBytes(65535), crypto.randomBytes(65536),
  crypto.randomBytes(1 << 20), Buffer.alloc(1 << 20, 'z'), 'x'.repeat(1 << 20),
];

function echoed(data, binary) {
  const wanted = said[seen.messages];
  if (binary !== (typeof wanted !== 'string') || !data.equals(Buffer.from(wanted)))
    seen.same = false;
  seen.messages += 1;
  if (seen.messages === said.length) socket.close(1000, 'done');
}

const acts = {
  // All at once: both directions are full at the same time.
  echo: { open: () => said.forEach((each) => socket.send(each)), message: echoed },
  asked: { open: () => socket.send('go') },
  ping: {
    open: () => socket.ping('from the client'),
    pong: (data) => {
      seen.pong = data.toString();
      socket.send('from the server');
    },
    message: (data) => {
      seen.said = data.toString();
      socket.close(1001);
    },
  },
  close: { open: () => socket.close(4321, 'enough') },
  terminate: { open: () => socket.send('one'), message: () => socket.terminate() },
  reset: { open: () => socket.send('one'), message: () => socket._socket.resetAndDestroy() },
};

socket.on('open', () => {
  seen.extensions = socket.extensions;
  seen.protocol = socket.protocol;
  acts[act].open();
});
if (acts[act].message) socket.on('message', acts[act].message);
if (acts[act].pong) socket.on('pong', acts[act].pong);
socket.on('close', (code, reason) => {
  seen.code = code;
  seen.reason = reason.toString();
  finish('closed');
});
socket.on('unexpected-response', (request, response) => {
  seen.status = response.statusCode;
  finish('refused');
});
socket.on('error', (error) => {
  seen.error = error.message;
});
