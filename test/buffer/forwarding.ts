import type { TestContext } from 'node:test'
import type { Buffer as Log } from '../../buffer/buffer.ts'
import { type Forwarder, type ForwarderOptions, forwardReader, openForwarder } from '../../buffer/forward.ts'
import type { ProducerReport } from '../../buffer/ledger.ts'
import type { SqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import type { Level } from '../../runtime/log.ts'
import { type Faults, spoolFolder, withFaults } from './spooled.ts'

/** Longer than any test: what was forwarded stays. */
export const minutes = 600_000
export const soon = () => AbortSignal.timeout(20_000)

export interface Forwarding extends AsyncDisposable {
  readonly local: SqliteBuffer
  readonly remote: SqliteBuffer
  readonly faults: Faults
  readonly lines: [Level, string][]
  /** Starts a forwarder between the two, ended with the set-up at the latest. */
  start(options?: Partial<ForwarderOptions>): Forwarder
}

export async function openForwarding(t: TestContext): Promise<Forwarding> {
  const opened = new AsyncDisposableStack()
  const local = opened.use(await (await spoolFolder(t)).open({ keepMs: minutes }))
  const remote = opened.use(await (await spoolFolder(t)).open())
  const faults: Faults = {}
  const lines: [Level, string][] = []
  return {
    ...{ local, remote, faults, lines },
    start: (options) =>
      opened.use(
        openForwarder({
          local,
          keepMs: minutes,
          openRemote: async () => withFaults(remote, faults),
          owner: 'gateway-1',
          log: (level, sentence) => lines.push([level, sentence]),
          ...options,
        }),
      ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

export async function forwardLedger(local: Log) {
  const [shard] = await local.inspect()
  return shard?.ledgers.find(({ sink }) => sink === forwardReader)
}

export async function producersOf(log: Log): Promise<readonly ProducerReport[]> {
  return (await log.inspect()).flatMap(({ producers }) => producers.map((producer) => ({ ...producer })))
}
