import type { Buffer } from '../../buffer/buffer.ts'
import { forwardReader } from '../../buffer/forward.ts'
import type { Ledger } from '../../buffer/ledger.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { openBuffer } from '../../cli/roles/buffer.ts'
import { loadConfig } from '../../config/config.ts'
import { noLog } from '../../runtime/log.ts'
import type { ChaosSystem } from './system.ts'

/** How far each sink has come, over all shards. */
export interface Progress {
  readonly sinks: ReadonlyMap<string, { readonly appended: number; readonly settled: number; readonly backlog: number }>
  /** Records in local logs that are not in the shared one yet; 0 where the local one is the log. */
  readonly spooled: number
}

export interface ProgressView extends AsyncDisposable {
  look(): Promise<Progress>
}

/** Looks into the logs as any tool may: by what each of them says of its readers. */
export async function openProgress({ configFile, producers }: ChaosSystem): Promise<ProgressView> {
  const config = loadConfig(configFile)
  await using opening = new AsyncDisposableStack()
  const buffer = opening.use(await openBuffer(config, noLog))
  const spools: Buffer[] = []
  if (config.buffer.type !== 'sqlite') {
    for (const { logFolder: dir } of producers)
      spools.push(opening.use(await openSqliteBuffer({ dir, maxBytes: Number.MAX_SAFE_INTEGER })))
  }
  const opened = opening.move()
  return {
    async look() {
      const ledgers = (await buffer.inspect()).flatMap((report) => report.ledgers)
      const inSpools = (await Promise.all(spools.map((spool) => spool.inspect())))
        .flat()
        .flatMap((report) => report.ledgers)
      const waiting = inSpools.filter(({ sink }) => sink === forwardReader)
      return {
        sinks: new Map(
          [...Map.groupBy(ledgers, ({ sink }) => sink)].map(([sink, ofSink]) => [
            sink,
            {
              appended: sum(ofSink, 'appended'),
              settled: sum(ofSink, 'delivered') + sum(ofSink, 'deadLettered'),
              backlog: sum(ofSink, 'backlog'),
            },
          ]),
        ),
        spooled: sum(waiting, 'backlog'),
      }
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function sum(ledgers: readonly Ledger[], term: 'appended' | 'delivered' | 'deadLettered' | 'backlog'): number {
  return ledgers.reduce((total, ledger) => total + ledger[term], 0)
}

export function isDrained({ sinks, spooled }: Progress): boolean {
  return spooled === 0 && sinks.size > 0 && sinks.values().every(({ backlog }) => backlog === 0)
}
