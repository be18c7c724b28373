import { setTimeout } from 'node:timers/promises'
import { serve, upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { WebSocketServer } from 'ws'

const app = new Hono()
app.get('/', c => c.text('hello\n'))
// Somebody is asked first, as who may come in.
app.use('/ws', async (c, next) => {
  await setTimeout(500)
  await next()
})
app.get('/ws', upgradeWebSocket(() => ({ onMessage: (event, ws) => ws.send(event.data) })))
const websocket = { server: new WebSocketServer({ noServer: true }) }
serve({ fetch: app.fetch, port: 3000, hostname: '127.0.0.1', websocket })
