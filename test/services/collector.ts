import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { goProgram } from './go-program.ts'
import { openServer, type Place, type Server } from './server.ts'

export interface CollectorServer extends Server {
  /** Base of OTLP over HTTP: requests go to `/v1/logs`, `/v1/metrics`, `/v1/traces`. */
  readonly url: string
  /** What has arrived since it was first started, request by request: an accepted request is in it. */
  received(): Promise<readonly Received[]>
}

export interface Received {
  signal: 'logs' | 'metrics' | 'traces'
  /** In OTLP's JSON: `resourceLogs`, `resourceMetrics` or `resourceSpans`; 64-bit integers are strings. */
  request: Readonly<Record<string, unknown>>
}

/** Starts the OpenTelemetry Collector with an OTLP/HTTP receiver. */
export async function openCollector(): Promise<CollectorServer> {
  const source = join(import.meta.dirname, 'collector')
  const file = await goProgram({ service: 'collector', version: '0.155.0', source })
  const server = await openServer({
    name: 'collector',
    async command(place) {
      const config = join(place.folder, 'config.json') // JSON is YAML
      await writeFile(config, JSON.stringify(collectorConfig(place)))
      return { file, args: [config] }
    },
    isReady: ({ port }) => acceptsNothing(urlOf(port)),
  })
  return { ...server, url: urlOf(server.port), received: () => readLines(receivedFile(server)) }
}

const urlOf = (port: number) => `http://127.0.0.1:${port}`
const receivedFile = ({ folder }: { folder: string }) => join(folder, 'received.jsonl')

function collectorConfig(place: Place) {
  const pipeline = { receivers: ['otlp'], exporters: ['lines'] }
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${place.port}` } } } },
    exporters: { lines: { path: receivedFile(place) } },
    service: {
      telemetry: { logs: { level: 'warn' }, metrics: { level: 'none' } },
      pipelines: { logs: pipeline, metrics: pipeline, traces: pipeline },
    },
  }
}

/** An empty request is accepted and leaves nothing behind. */
async function acceptsNothing(url: string): Promise<boolean> {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(`${url}/v1/logs`, { method: 'POST', headers, body: '{}' })).ok
}

async function readLines(file: string): Promise<readonly Received[]> {
  const complete = (await readFile(file, 'utf8')).split('\n').slice(0, -1)
  return complete.map((line) => JSON.parse(line) as Received) // written by our exporter, of the type above
}
