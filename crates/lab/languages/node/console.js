// log of a Console made of the socket. Nothing closes the socket.
const net = require('net');
const readline = require('readline');

const [host, port] = process.argv[2].split(':');
const server = net.createServer((socket) => {
  const console = new global.console.Console(socket);
  readline.createInterface({ input: socket }).on('line', (line) => {
    console.log(line); // reply
  });
});
server.listen(port, host);
