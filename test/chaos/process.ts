import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openServer, type Server } from '../services/server.ts'
import { until } from '../services/until.ts'
import type { ProducerWork } from './producer-child.ts'
import type { Life } from './record.ts'

const root = join(import.meta.dirname, '../..')
const startWithinMs = 60_000 // 1 s where nothing else runs

export interface ProducerPlace {
  /** Where its local log is. */
  readonly logFolder: string
  readonly orderFile: string
  readonly ledgerFolder: string
  readonly recorder: ProducerWork['recorder']
}

/** A process that records, and all of its lives. */
export interface ProducerProcess extends Server {
  readonly logFolder: string
  readonly orderFile: string
  readonly lives: readonly { readonly life: Life; readonly ledgerFile: string }[]
}

/** Starts a producer; each start is a life with the next number. */
export async function openProducer(place: ProducerPlace, nextLife: () => number): Promise<ProducerProcess> {
  const { logFolder, orderFile, ledgerFolder, recorder } = place
  mkdirSync(ledgerFolder, { recursive: true })
  const lives: { life: Life; ledgerFile: string }[] = []
  const server = await openServer({
    name: 'producer',
    command() {
      const life = { number: nextLife(), startMs: Date.now() }
      const ledgerFile = join(ledgerFolder, `life-${life.number}`)
      lives.push({ life, ledgerFile })
      const work: ProducerWork = { life, orderFile, ledgerFile, recorder }
      const args = [join(import.meta.dirname, 'producer-child.ts'), JSON.stringify(work)]
      return { file: process.execPath, args, cwd: root, env: { NODE_OPTIONS: '' } }
    },
    isReady: async (_, output) => output.includes('ready\n'),
    readyWithinMs: startWithinMs,
  })
  return { ...server, logFolder, orderFile, lives }
}

export interface PumpPlace {
  readonly configFile: string
  readonly adminUrl: string
}

export interface PumpProcess extends Server {
  readonly adminUrl: string
}

/** Runs `penstock start --roles pump`. Resolves once it lives, whatever it can reach. */
export async function openPumpProcess({ configFile, adminUrl }: PumpPlace): Promise<PumpProcess> {
  const server = await openServer({
    name: 'pump',
    command: () => ({
      file: process.execPath,
      args: [join(root, 'cli/penstock.ts'), 'start', '--config', configFile, '--roles', 'pump'],
      cwd: root,
      env: { NODE_OPTIONS: '' },
    }),
    isReady: async () => (await fetch(`${adminUrl}/healthz`)).ok,
    readyWithinMs: startWithinMs,
  })
  return { ...server, adminUrl }
}

/** Starts a server again, and again where that fails, as whatever supervises it would. */
export async function restartUntilUp(server: Server): Promise<void> {
  await until(() => server.restart().then(() => true), { what: 'a process to start', timeoutMs: 180_000, everyMs: 500 })
}
