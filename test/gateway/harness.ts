import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type * as z from 'zod'
import { type Gateway, type GatewayDependencies, openGateway } from '../../gateway/gateway.ts'
import { type GatewayOptions, gatewayOptions } from '../../gateway/options.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { noLog } from '../../runtime/log.ts'
import { until } from '../services/until.ts'

export type GatewayInput = z.input<typeof gatewayOptions>

/** The keys that every gateway of these tests knows: a consumer’s key is `key-` and its name, and `dead-` and its name was one. */
export const keyring = {
  find: (key: string) => entryOf(/^key-([a-z]+)$/.exec(key)?.[1]),
  findDead: (key: string) => entryOf(/^dead-([a-z]+)$/.exec(key)?.[1]),
}

function entryOf(consumer: string | undefined) {
  return consumer === undefined ? undefined : { id: `id-${consumer}`, consumer }
}

export interface TestGateway {
  readonly gateway: Gateway
  readonly url: string
  readonly port: number
  /** Records so far, oldest first. */
  readonly records: readonly RequestRecord[]
  /** Resolves with the only record there is, or ever will be, as far as ending requests can tell. */
  onlyRecord(): Promise<RequestRecord>
  /** Resolves when there are so many records. */
  recorded(count: number): Promise<readonly RequestRecord[]>
}

/** Checked options of a gateway on a free port. */
export function toOptions(input: GatewayInput): GatewayOptions {
  return gatewayOptions.parse({ listen: [{ port: 0 }], ...overClient(input) })
}

/** A gateway on a free port, closed with the test. Options as an operator writes them. */
export async function startGateway(
  t: TestContext,
  input: GatewayInput,
  dependencies: Partial<GatewayDependencies> = {},
): Promise<TestGateway> {
  const records: RequestRecord[] = []
  const timeouts = { shutdownMs: 100, ...input.timeouts } // a failed test does not wait for what it left behind
  const options = toOptions({ ...input, timeouts })
  const recorder = { record: (record: RequestRecord) => records.push(record) > 0 }
  const gateway = await openGateway(options, { recorder, keyring, log: noLog, ...dependencies })
  t.after(() => gateway[Symbol.asyncDispose]())
  const url = gateway.urls[0] ?? ''
  const recorded = async (count: number) => {
    await until(() => records.length >= count && gateway.inFlight === 0, { what: `${count} records` })
    return records
  }
  return {
    gateway,
    url,
    port: Number(new URL(url).port),
    records,
    recorded,
    async onlyRecord() {
      const [record] = await recorded(1)
      if (!record || records.length > 1) throw new Error(`There are ${records.length} records instead of one.`)
      return record
    },
  }
}

/** Which HTTP client the gateways of these tests ask their upstreams by: `lean/gateway.test.ts` runs all of them with our own. */
const { PENSTOCK_TEST_CLIENT: wanted } = process.env
const client = wanted === 'lean' ? wanted : undefined

function overClient(input: GatewayInput): GatewayInput {
  if (client === undefined) return input
  const upstreams: NonNullable<GatewayInput['upstreams']> = {}
  for (const [name, upstream] of Object.entries(input.upstreams ?? {})) upstreams[name] = { client, ...upstream }
  const apis = input.apis?.map((api) => {
    if (!URL.canParse(api.upstream)) return api
    const name = `at ${api.upstream}`
    upstreams[name] = { client, targets: [{ url: api.upstream }] }
    return { ...api, upstream: name }
  })
  return { ...input, upstreams, ...(apis && { apis }) }
}

/** One API without keys in front of one upstream: for tests of everything else. */
export function openApi(upstream: string, more: Partial<NonNullable<GatewayInput['apis']>[number]> = {}): GatewayInput {
  return { apis: [{ name: 'orders', upstream, auth: 'none', ...more }] }
}

export interface TestServer {
  readonly url: string
  readonly port: number
  readonly server: Server
}

/** An HTTP server on a free port, closed with the test. */
export async function startUpstream(t: TestContext, listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // a TCP server that listens
  return { url: `http://127.0.0.1:${port}`, port, server }
}

/** A TCP server that speaks as the test says, closed with the test. */
export async function startRawUpstream(
  t: TestContext,
  talk: (socket: Socket) => void,
): Promise<{ url: string; port: number }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    talk(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo // a TCP server that listens
  return { url: `http://127.0.0.1:${port}`, port }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string | Buffer
}

/** One request on a connection of its own, sent as it is given: no client in between that mends it. */
export async function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<Answer> {
  const sent = request(url, { method, path, headers, agent: false })
  sent.on('error', () => {}) // rejects the waiting below, and an answer that breaks off says so itself
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return await readAnswer(response)
}

export async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    body: Buffer.concat(chunks).toString(),
  }
}

/** Sends bytes as they are and resolves with all that comes back until the gateway closes the connection. */
export async function talk(t: TestContext, port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  await once(socket, 'close')
  return answer
}

/** The status of a raw answer. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
}
