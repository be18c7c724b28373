const net = require('net')

const server = net.createServer({ keepAlive: true, keepAliveInitialDelay: 60_000 }, socket => {
  socket.on('error', () => {})
  socket.pipe(socket)
})
server.listen(3000, '127.0.0.1')
