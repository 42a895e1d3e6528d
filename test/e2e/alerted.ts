import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Pool } from 'undici'
import { parse } from 'yaml'
import { wait } from '../../runtime/wait.ts'
import { scratchFolder } from '../scratch.ts'
import { type AlertmanagerServer, openAlertmanager } from '../services/alertmanager.ts'
import { freePort } from '../services/port.ts'
import { openPrometheus, type PrometheusServer } from '../services/prometheus.ts'
import { timesFaster } from './faster.ts'
import { openPenstock, type PenstockProcess, runPenstock } from './process.ts'

const deployed = join(import.meta.dirname, '../../deploy/alertmanager')

/** 15 times as fast: windows of 5m, and the wait of a spike, are then 20 s and 4 s. */
const faster = 15

/** An alert as a webhook gets it. */
export interface Posted {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** Gateway and pump under traffic, Prometheus with the generated rules, and Alertmanager with the example's routes. */
export interface Alerted {
  readonly prometheus: PrometheusServer
  readonly alertmanager: AlertmanagerServer
  /** Whether the upstream fails. */
  upstreamFails: boolean
  /** What the pager was told so far, oldest first. */
  readonly posted: readonly Posted[]
  /** Messages in the chat. */
  readonly chat: readonly string[]
  /** Restarts the pump; it then keeps records back for so long before it counts them. */
  delay(maxAgeMs: number): Promise<void>
  /** What every process printed, for a failed test. */
  output(): string
}

export async function openAlerted(t: TestContext): Promise<Alerted> {
  const folder = await scratchFolder(t)
  const opened = new AsyncDisposableStack()
  t.after(() => opened.disposeAsync())
  const state = { upstreamFails: false, posted: [] as Posted[], chat: [] as string[] }
  const upstream = await serve(opened, async () => (state.upstreamFails ? 500 : 200))
  const receiver = await serve(opened, async (request) => {
    const body = JSON.parse(await textOf(request)) as { alerts?: Posted[]; attachments?: { text: string }[] }
    if (request.url === '/page') state.posted.push(...(body.alerts ?? []))
    else state.chat.push(...(body.attachments ?? []).map(({ text }) => text))
    return 200
  })
  const ports = { gateway: await freePort(), gatewayAdmin: await freePort(), pump: await freePort() }
  const configFile = join(folder, 'penstock.json')
  const configure = (maxAgeMs: number) =>
    writeFile(configFile, JSON.stringify(toConfig(folder, ports, upstream, maxAgeMs)))
  await configure(200)
  const { key } = JSON.parse(await runPenstock('keys', 'create', '--consumer', 'acme', '--config', configFile)) as {
    key: string
  }
  const start = async (roles: string, port: number): Promise<PenstockProcess> =>
    opened.use(await openPenstock({ configFile, roles, adminUrl: `http://127.0.0.1:${port}` }))
  const gateway = await start('gateway', ports.gatewayAdmin)
  const pump = await start('pump', ports.pump)
  const alertmanager = opened.use(
    await openAlertmanager({ config: await routesTo(receiver), templates: [join(deployed, 'penstock.tmpl')] }),
  )
  const prometheus = opened.use(await openPrometheus(await toPrometheus(folder, configFile, ports, alertmanager.port)))
  opened.use(load(`http://127.0.0.1:${ports.gateway}`, key))
  return Object.assign(state, {
    prometheus,
    alertmanager,
    async delay(maxAgeMs: number) {
      await configure(maxAgeMs)
      await pump.stop()
      await pump.start()
    },
    output: () => [gateway, pump, alertmanager, prometheus].map((process) => process.output()).join('\n---\n'),
  })
}

type Ports = Readonly<Record<'gateway' | 'gatewayAdmin' | 'pump', number>>

function toConfig(folder: string, ports: Ports, upstream: string, maxAgeMs: number) {
  return {
    dataDir: join(folder, 'data'),
    gateway: {
      listen: [{ port: ports.gateway }],
      admin: { port: ports.gatewayAdmin },
      apis: [{ name: 'orders', upstream, routes: [{ path: '/orders/{id}' }] }],
      consumers: { acme: { team: 'partners' } },
    },
    pump: { admin: { port: ports.pump } },
    sinks: { prometheus: { type: 'prometheus', block: { maxAgeMs } } },
    alerts: { apis: { orders: { team: 'shop' } }, pumpLagSeconds: 4 },
  }
}

/** The rules as the command line writes them, in quicker time. */
async function toPrometheus(folder: string, configFile: string, ports: Ports, alertmanagerPort: number) {
  const out = join(folder, 'rules')
  const names = (await runPenstock('alerts', 'generate', '--config', configFile, '--out', out)).trim().split('\n')
  const rules = await Promise.all(names.map(async (name) => timesFaster(parse(await readFile(name, 'utf8')), faster)))
  const files = Object.fromEntries(rules.map((file, i) => [`rules-${i}.json`, JSON.stringify(file)]))
  const scrape = (job: string, port: number) => ({
    job_name: job,
    scrape_interval: '1s',
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  })
  const config = {
    rule_files: Object.keys(files),
    scrape_configs: [scrape('penstock-gateway', ports.gatewayAdmin), scrape('penstock-pump', ports.pump)],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanagerPort}`] }] }] },
  }
  return { config, files }
}

/** The example's configuration with other addresses and without its patience. */
async function routesTo(receiver: string): Promise<object> {
  const text = await readFile(join(deployed, 'alertmanager.yml'), 'utf8')
  return parse(
    text
      .replace(/http:\/\/127\.0\.0\.1:9099/g, receiver)
      .replace(/api_url_file: .*/g, `api_url: ${receiver}/chat`)
      .replace(/group_wait: \d+s/g, 'group_wait: 100ms')
      .replace(/group_interval: \d+m/g, 'group_interval: 500ms'),
    { merge: true },
  ) as object
}

/** A server that answers with a status. */
async function serve(
  opened: AsyncDisposableStack,
  status: (request: IncomingMessage) => Promise<number>,
): Promise<string> {
  const server = createServer(async (request, response) => {
    response.statusCode = await status(request)
    response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // listens on TCP
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** 40 requests a second at most, until it is disposed. */
function load(url: string, key: string): AsyncDisposable {
  const stop = new AbortController()
  const pool = new Pool(url, { connections: 4 })
  const running = (async () => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const { body } = await pool.request({ method: 'GET', path: `/orders/${i}`, headers: { 'x-api-key': key } })
      await body.dump()
      await wait(25, stop.signal).catch(() => {}) // the pace of the load
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running.catch(() => {}) // the gateway may have been stopped by then
      await pool.destroy()
    },
  }
}
