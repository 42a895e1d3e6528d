/** An upstream in a process of its own that answers 1 KB after so many milliseconds: `slow-upstream.ts MS`. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const delayMs = Number(process.argv[2])
const body = Buffer.alloc(1024, 'x')
const server = createServer({ keepAliveTimeout: 600_000 }, (_, response) => {
  setTimeout(() => response.end(body), delayMs)
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
await once(server, 'listening')
const { port } = server.address() as AddressInfo // a TCP server that listens
process.send?.({ url: `http://127.0.0.1:${port}` })
process.on('disconnect', () => process.exit())
