// A server of the library `ws` for the tests with real peers, on a free port that it tells. What it
// does with a connection is the path's: /echo, /close/CODE, /ping, /terminate, /reset, /refuse.
'use strict';
const http = require('http');
const { WebSocketServer } = require('ws');

const tell = (...words) => console.log(words.join(' '));

function serve(socket, request) {
  const [, act, word] = request.url.split('/');
  tell('opened', act, socket.extensions || 'plain');
  socket.on('message', (data, binary) => {
    if (act === 'close') return socket.close(Number(word), 'as asked');
    if (act === 'terminate') return socket.terminate();
    if (act === 'reset') return socket._socket.resetAndDestroy();
    if (act === 'ping') return socket.ping(data);
    socket.send(data, { binary });
  });
  socket.on('pong', (data) => {
    tell('pong', data);
    socket.send(`pong ${data}`);
  });
  socket.on('close', (code, reason) => tell('closed', code, reason));
  socket.on('error', (error) => tell('error', error.message));
}

const server = http.createServer((request, response) => response.end('no upgrade\n'));
const sockets = new WebSocketServer({
  noServer: true, maxPayload: 8 << 20, perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
});
server.on('upgrade', (request, socket, head) => {
  if (request.url === '/refuse') {
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (opened) => serve(opened, request));
});
server.listen(0, '127.0.0.1', () => tell('listening on', server.address().port));
