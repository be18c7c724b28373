// Two writes, since readline gives a line without its newline. Nothing calls close.
const net = require('net');
const readline = require('readline');

const [host, port] = process.argv[2].split(':');
const server = net.createServer((socket) => {
  readline.createInterface({ input: socket }).on('line', (line) => {
    socket.write(line); // reply
    socket.write('\n'); // reply
  });
});
server.listen(port, host);
