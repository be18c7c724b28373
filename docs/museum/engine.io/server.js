const http = require('http')
const engine = require('engine.io')

const server = http.createServer((request, response) => response.end('hello\n'))
engine.attach(server)
server.listen(3000, '127.0.0.1')
