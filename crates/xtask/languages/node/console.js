// log of a Console made of the socket. Nothing calls close.
const { Console } = require('console');
const net = require('net');
const readline = require('readline');

const [host, port] = process.argv[2].split(':');
const server = net.createServer((socket) => {
  const out = new Console(socket);
  readline.createInterface({ input: socket }).on('line', (line) => {
    out.log(line); // reply
  });
});
server.listen(port, host);
