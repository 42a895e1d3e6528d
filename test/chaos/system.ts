import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FaultProxy } from '../services/fault-proxy.ts'
import { freePort } from '../services/port.ts'
import type { Server } from '../services/server.ts'
import { mountSmallDisk, type SmallDisk } from './disk.ts'
import type { Places } from './holdings.ts'
import { openChaosLog } from './log.ts'
import type { ChaosOptions, SinkType } from './options.ts'
import { giveOrder, type Order } from './order.ts'
import { openProducer, openPumpProcess, type ProducerProcess, type PumpProcess } from './process.ts'
import { type ChaosSink, openChaosSink, toPlaces } from './sinks.ts'

/** Everything that a run works with: producers → log → pumps → sinks, each in a process of its own. Disposing stops it and removes what it wrote. */
export interface ChaosSystem extends AsyncDisposable {
  readonly folder: string
  /** Of a pump: how the log is opened. */
  readonly configFile: string
  readonly producers: readonly ProducerProcess[]
  readonly pumps: readonly PumpProcess[]
  /** Every process that can be killed, stopped or paused, by its name. */
  readonly servers: ReadonlyMap<string, Server>
  /** Every connection that can be spoilt, by the name of what it leads to. */
  readonly links: ReadonlyMap<string, FaultProxy>
  /** The disk under a local log; undefined where none may be mounted. */
  readonly disk: SmallDisk | undefined
  readonly sinks: readonly SinkType[]
  readonly places: Places
  /** Of all producers together, from now on. */
  setRate(recordsPerSecond: number): void
  /** Changes what a producer does from now on. */
  order(producer: ProducerProcess, change: (order: Order) => Partial<Order>): void
}

export interface SystemOptions extends Pick<ChaosOptions, 'buffer' | 'sinks' | 'pumps'> {
  /** `small` can be filled; `large` has room for an hour without a sink. */
  readonly disk: 'small' | 'large'
}

const smallDiskBytes = 1024 ** 3
/** Half of the small disk, so that what is beside the log has room; 4 GiB: an hour at 5,000 records/s. */
const localBytes = { small: smallDiskBytes / 2, large: 4 * 1024 ** 3 }

export async function openChaosSystem(options: SystemOptions): Promise<ChaosSystem> {
  await using opening = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'penstock-chaos-'))
  const diskFolder = join(folder, 'disk')
  mkdirSync(diskFolder)
  const disk = options.disk === 'small' ? await mountSmallDisk(diskFolder, smallDiskBytes) : undefined
  opening.use(
    leavingNothing(() => {
      disk?.[Symbol.dispose]()
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    }),
  )
  const place = { type: options.buffer, folder, diskFolder, localBytes: localBytes[options.disk] }
  const log = await openChaosLog(place, opening)
  const sinks = new Map<string, ChaosSink>()
  for (const type of options.sinks) sinks.set(type, await openChaosSink(type, folder, opening))

  const pumps: PumpProcess[] = []
  const configFiles: string[] = []
  for (let i = 0; i < options.pumps; i++) {
    const port = await freePort()
    const config = {
      dataDir: log.pumpFolder(i),
      buffer: log.config,
      pump: { admin: { port } },
      sinks: Object.fromEntries([...sinks].map(([name, sink]) => [name, sink.config])),
    }
    const configFile = join(folder, `pump-${i}.yaml`)
    writeFileSync(configFile, JSON.stringify(config, null, 2)) // JSON is YAML
    configFiles.push(configFile)
    pumps.push(opening.use(await openPumpProcess({ configFile, adminUrl: `http://127.0.0.1:${port}` })))
  }

  let lives = 0
  const orders = new Map<string, Order>()
  const producers: ProducerProcess[] = []
  for (const [i, end] of log.producers.entries()) {
    const orderFile = join(folder, `order-${i}`)
    const order = { recordsPerSecond: 0, skewMs: 0, poison: 0, single: 0 }
    orders.set(orderFile, order)
    giveOrder(orderFile, order)
    const place = { ...end, orderFile, ledgerFolder: join(folder, 'ledger') }
    producers.push(opening.use(await openProducer(place, () => lives++)))
  }

  const named = <T>(name: string, one: T | undefined): [string, T][] => (one === undefined ? [] : [[name, one]])
  const servers = new Map<string, Server>([
    ...producers.map((server, i): [string, Server] => [`producer ${i}`, server]),
    ...pumps.map((server, i): [string, Server] => [`pump ${i}`, server]),
    ...named(options.buffer, log.server),
    ...[...sinks].flatMap(([name, { server }]) => named(name, server)),
  ])
  const links = new Map<string, FaultProxy>([
    ...named(options.buffer, log.link),
    ...[...sinks].flatMap(([name, { link }]) => named(name, link)),
  ])
  const order: ChaosSystem['order'] = ({ orderFile }, change) => {
    const before = orders.get(orderFile)! // every producer has one
    const next = { ...before, ...change(before) }
    orders.set(orderFile, next)
    giveOrder(orderFile, next)
  }
  const opened = opening.move()
  return {
    folder,
    configFile: configFiles[0] ?? '',
    producers,
    pumps,
    servers,
    links,
    disk,
    sinks: options.sinks,
    places: toPlaces(sinks),
    order,
    setRate(recordsPerSecond) {
      for (const producer of producers)
        order(producer, () => ({ recordsPerSecond: recordsPerSecond / producers.length }))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Cleans up when it is disposed of, and also where a signal or an exit comes first. */
function leavingNothing(cleanUp: () => void): Disposable {
  const exit = () => process.exit(1)
  process.once('exit', cleanUp)
  for (const signal of endings) process.once(signal, exit)
  return {
    [Symbol.dispose]() {
      process.off('exit', cleanUp)
      for (const signal of endings) process.off(signal, exit)
      cleanUp()
    },
  }
}
