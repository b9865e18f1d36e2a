// Node's http server for the tests with real peers, on a free port that it tells. Its argument is
// keepAliveTimeout in milliseconds. What happens inside is told on standard output.
'use strict';
const crypto = require('crypto');
const http = require('http');

const tell = (...words) => console.log(words.join(' '));

function collect(request, done) {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => done(Buffer.concat(parts)));
}

// A GET has no body to wait for; what else comes is answered once it is whole.
const routes = {
  '/ping': (request, response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.end('pong\n');
  },
  '/headers': (request, response) => response.end(JSON.stringify(request.headers)),
  '/upload': (request, response) => collect(request, (body) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({
      bytes: body.length,
      sha256: crypto.createHash('sha256').update(body).digest('hex'),
      framing: request.headers['transfer-encoding'] || request.headers['content-length'],
      expect: request.headers.expect || null,
      trailers: request.trailers,
    }));
  }),
  '/bytes': (request, response) => {
    const size = Number(new URL(request.url, 'http://node').searchParams.get('n'));
    response.setHeader('Content-Length', size);
    response.end(request.method === 'HEAD' ? undefined : Buffer.alloc(size, 'x'));
  },
  '/trailers': (request, response) => {
    response.writeHead(200, { Trailer: 'X-Checksum' });
    response.write('part\n');
    response.addTrailers({ 'X-Checksum': 'abc' });
    response.end();
  },
  '/hints': (request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' }, () => {
      response.writeProcessing();
      response.end('hinted\n');
    });
  },
  // Answers before the body has come, and reads no more of it.
  '/refuse': (request, response) => {
    request.pause();
    response.writeHead(413, { Connection: 'close' });
    response.end('too large\n');
  },
  // The same, but the connection is kept and the rest of the body is dropped.
  '/ignore': (request, response) => {
    response.writeHead(413);
    response.end('too large\n');
  },
  '/empty': (request, response) => {
    response.writeHead(204);
    response.end();
  },
  '/slow': (request, response) => {
    tell('slow began');
    response.on('close', () => {
      if (!response.writableFinished) tell('slow cancelled');
    });
  },
  '/endless': (request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65536, 'y')));
    };
    response.on('drain', more);
    response.on('close', () => tell('endless cancelled'));
    more();
  },
};

const server = http.createServer((request, response) => {
  const route = routes[request.url.split('?')[0]];
  if (route) return route(request, response);
  response.writeHead(404);
  response.end();
});
server.keepAliveTimeout = Number(process.argv[2]);
server.on('checkContinue', (request, response) => {
  tell('checkContinue');
  response.writeContinue();
  server.emit('request', request, response);
});
server.on('clientError', (error, socket) => {
  tell('client error', error.code);
  socket.destroy();
});
server.listen(0, '127.0.0.1', () => tell('listening on', server.address().port));
