// One write of the whole reply. An error is handled, and the end of what comes ends what goes.
const net = require('net');
const readline = require('readline');

const [host, port] = process.argv[2].split(':');
const server = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  const lines = readline.createInterface({ input: socket });
  lines.on('line', (line) => {
    socket.write(line + '\n'); // reply
  });
  lines.on('close', () => socket.end());
});
server.listen(port, host);
