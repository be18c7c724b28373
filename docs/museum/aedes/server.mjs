import { createServer } from 'node:net'
import * as aedes from 'aedes'

// Less than the ten seconds that lab waits for a reply, and more than the buffers take to fill: five.
const broker = await (aedes.Aedes ?? aedes.default).createBroker({ drainTimeout: 8_000 })

// Each client has topics of its own, so that nobody gets what another has published.
const own = (client, packet) => { packet.topic = `${client.id}/${packet.topic}` }
broker.authorizeSubscribe = (client, subscription, done) => {
  own(client, subscription)
  done(null, subscription)
}
broker.authorizePublish = (client, packet, done) => {
  own(client, packet)
  done(null)
}

createServer(broker.handle).listen(3000, '127.0.0.1')
