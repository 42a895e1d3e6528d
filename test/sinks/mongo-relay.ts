import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { BSON } from 'mongodb'

/*
  MongoDB wire message

    length     4 bytes, little endian, of the whole message
    requestID  4 bytes
    responseTo 4 bytes
    opCode     4 bytes  2013 OP_MSG
    flags      4 bytes
    kind       1 byte   0: a document follows
    document   4 bytes length, 1 byte type of the first field, then its name: the command
*/
const documentAt = 21
const nameAt = 26

/** Which command breaks: counted from 0, before the server got it or after the server did it. */
export interface Break {
  readonly at: number
  readonly when: 'before' | 'after'
}

export interface MongoRelay extends AsyncDisposable {
  readonly port: number
  /** Names of the commands that came since the last `breakAt`, but for those that keep the connection. */
  readonly commands: readonly string[]
  /** Counts anew; the connection is reset at the command that is named, and no other. */
  breakAt(point: Break | undefined): void
  /** From now on nothing is deleted from the collection: the answer is MongoDB's of before 5.0 for a capped one. */
  keepAllOf(collection: string): void
}

const housekeeping = new Set(['hello', 'ismaster', 'isMaster', 'ping', 'endSessions'])

/** Passes whole commands on to a MongoDB on a loopback port, and breaks the connection at one of them. */
export async function openMongoRelay(to: { port: number }): Promise<MongoRelay> {
  let point: Break | undefined
  let commands: string[] = []
  let keptWhole: string | undefined
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // a reset is what the relay is for
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  const server = createServer((client) => {
    track(client)
    const upstream = track(connect(to.port, '127.0.0.1'))
    let breaks = false
    onMessage(client, (message) => {
      const name = nameOf(message)
      if (!housekeeping.has(name)) {
        const isHere = point?.at === commands.push(name) - 1
        if (isHere && point?.when === 'before') return void client.resetAndDestroy()
        breaks ||= isHere
      }
      if (name === 'delete' && BSON.deserialize(message.subarray(documentAt)).delete === keptWhole)
        return void client.write(cappedReply(message))
      upstream.write(message)
    })
    onMessage(upstream, (message) => void (breaks ? client.resetAndDestroy() : client.write(message)))
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A TCP listener has a port.')
  return {
    port: address.port,
    get commands() {
      return commands
    },
    breakAt(next) {
      point = next
      commands = []
    },
    keepAllOf(collection) {
      keptWhole = collection
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function onMessage(socket: Socket, take: (message: Buffer) => void): void {
  let held = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= held.readInt32LE(0)) {
      const length = held.readInt32LE(0)
      take(held.subarray(0, length))
      held = held.subarray(length)
    }
  })
}

function cappedReply(request: Buffer): Buffer {
  const errmsg = 'cannot remove from a capped collection'
  const document = BSON.serialize({ ok: 1, n: 0, writeErrors: [{ index: 0, code: 20, errmsg }] })
  const head = Buffer.alloc(documentAt)
  head.writeInt32LE(head.length + document.length, 0)
  head.writeInt32LE(request.readInt32LE(4), 8)
  head.writeInt32LE(2013, 12)
  return Buffer.concat([head, document])
}

function nameOf(message: Buffer): string {
  return message.toString('latin1', nameAt, message.indexOf(0, nameAt))
}
