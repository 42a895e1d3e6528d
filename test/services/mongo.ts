import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { goProgram } from './go-program.ts'
import { isListening } from './port.ts'
import { openServer, type Server } from './server.ts'

export interface MongoServer extends Server {
  /** `mongodb://…`, without a database. */
  readonly url: string
}

/** Starts a server of the MongoDB protocol: FerretDB, which answers one request at a time and cuts capped collections four times a second. */
export async function openMongo(): Promise<MongoServer> {
  const source = join(import.meta.dirname, 'ferretdb')
  const file = await goProgram({ service: 'ferretdb', version: '1.24.2', source })
  const server = await openServer({
    name: 'mongo',
    command: ({ port, folder }) => ({ file, args: ['-port', `${port}`, '-folder', folder] }),
    isReady: async ({ port }) => (await isListening(port)) && answersPing(urlOf(port)),
  })
  return { ...server, url: urlOf(server.port) }
}

// FerretDB knows no retryable writes. A hanging request must fail a test, not hold it up for ever.
const urlOf = (port: number) => `mongodb://127.0.0.1:${port}/?retryWrites=false&socketTimeoutMS=20000`

async function answersPing(url: string): Promise<boolean> {
  await using client = new MongoClient(url, { serverSelectionTimeoutMS: 1000 })
  await client.db('admin').command({ ping: 1 })
  return true
}
