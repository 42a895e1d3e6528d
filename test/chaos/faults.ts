import { wait } from '../../runtime/wait.ts'
import type { Fault } from '../services/fault-proxy.ts'
import type { FaultKind, PlannedFault } from './plan.ts'
import { restartUntilUp } from './process.ts'
import type { ChaosSystem } from './system.ts'

interface Strike {
  targets(system: ChaosSystem): readonly string[]
  readonly forMs: readonly [number, number]
  /** Does it, and undoes it after its time. Resolves when the part works again. */
  strike(system: ChaosSystem, fault: PlannedFault): Promise<void>
}

const beginningWith = (word: string) => (system: ChaosSystem) =>
  [...system.servers.keys()].filter((name) => name.startsWith(word))
/** Servers that others run: the shared log and the backends of sinks. */
const foreign = (system: ChaosSystem) => [...system.servers.keys()].filter((name) => !/^(pump|producer) /.test(name))

/** A process dies and comes back after a while. */
function killed(targets: Strike['targets'], most: number): Strike {
  return {
    targets,
    forMs: [0, most],
    async strike(system, { target, forMs }) {
      const server = system.servers.get(target)! // one of the targets
      await server.kill()
      await wait(forMs)
      await restartUntilUp(server)
    },
  }
}

/** A process ends as an operator ends it, and is started again. */
function stopped(targets: Strike['targets'], most: number): Strike {
  return {
    targets,
    forMs: [0, most],
    async strike(system, { target, forMs }) {
      const server = system.servers.get(target)! // one of the targets
      await server.stop()
      await wait(forMs)
      await restartUntilUp(server)
    },
  }
}

/** A process stands still, with all of its connections open. */
function paused(targets: Strike['targets'], forMs: Strike['forMs']): Strike {
  return {
    targets,
    forMs,
    async strike(system, { target, forMs: ms }) {
      const server = system.servers.get(target)! // one of the targets
      server.pause()
      await wait(ms)
      server.resume()
    },
  }
}

/** What lies between us and a server does something to what is sent. */
function spoilt(toFault: (choice: number) => Fault, most: number): Strike {
  return {
    targets: ({ links }) => [...links.keys()],
    forMs: [500, most],
    async strike({ links }, { target, forMs, choice }) {
      const link = links.get(target)! // one of the targets
      await link.set(toFault(choice))
      await wait(forMs)
      await link.set({ kind: 'none' })
    },
  }
}

const yearMs = 365 * 24 * 3600 * 1000

/** All that a run may do to its system. */
const strikes: Readonly<Record<string, Strike>> = {
  'pump killed': killed(beginningWith('pump'), 3000),
  'pump stopped': stopped(beginningWith('pump'), 2000),
  'pump paused': paused(beginningWith('pump'), [3000, 12_000]), // a lease lasts 4 s
  'producer killed': killed(beginningWith('producer'), 2000),
  'producer stopped': stopped(beginningWith('producer'), 1000),
  'producer paused': paused(beginningWith('producer'), [500, 4000]),
  'server killed': killed((system) => foreign(system).filter((name) => name !== 'otlp'), 5000), // the collector of the tests would leave half a line
  'server stopped': stopped(foreign, 8000),
  'server paused': paused(foreign, [1000, 10_000]),
  'connections refused': spoilt(() => ({ kind: 'refuse' }), 8000),
  'connections reset': spoilt(() => ({ kind: 'reset' }), 4000),
  'connections hang': spoilt(() => ({ kind: 'hang' }), 10_000),
  'connections cut': spoilt((choice) => ({ kind: 'cut', requestBytes: Math.floor(100_000 * choice ** 3) }), 4000),
  'replies lost': spoilt(() => ({ kind: 'lose-reply' }), 4000),
  'replies late': spoilt((choice) => ({ kind: 'delay', ms: Math.floor(3000 * choice) }), 6000),
  'clock a year off': {
    targets: beginningWith('producer'),
    forMs: [1000, 4000],
    async strike(system, { target, forMs, choice }) {
      const producer = toProducer(system, target)
      system.order(producer, () => ({ skewMs: choice < 0.5 ? -yearMs : yearMs }))
      await wait(forMs)
      system.order(producer, () => ({ skewMs: 0 }))
    },
  },
  'poison records': {
    targets: beginningWith('producer'),
    forMs: [0, 0],
    async strike(system, { target, choice }) {
      system.order(toProducer(system, target), ({ poison }) => ({ poison: poison + 1 + Math.floor(choice * 4) }))
    },
  },
  'disk full': {
    targets: ({ disk }) => (disk ? ['disk'] : []),
    forMs: [1000, 6000],
    async strike({ disk }, { forMs, choice }) {
      await disk?.fill(choice < 0.5 ? 0 : 32 * 1024 ** 2) // nothing at all, or half of what appends leave for settles
      await wait(forMs)
      await disk?.empty()
    },
  },
}

function toProducer({ producers }: ChaosSystem, target: string) {
  return producers[Number(target.split(' ')[1])]! // one of the targets
}

/** What can be done to a system, of the kinds that are wanted. Throws for a kind that there is not. */
export function kindsFor(system: ChaosSystem, only?: readonly string[]): readonly FaultKind[] {
  const unknown = only?.find((kind) => !(kind in strikes))
  if (unknown) throw new Error(`There is no fault "${unknown}", only ${Object.keys(strikes).join(', ')}.`)
  return Object.entries(strikes).flatMap(([kind, { targets, forMs }]) => {
    const found = targets(system)
    return found.length > 0 && (only?.includes(kind) ?? true) ? [{ kind, targets: found, forMs }] : []
  })
}

/** Does to the system what was planned, and undoes it. Resolves when the part works again. */
export async function strike(system: ChaosSystem, fault: PlannedFault): Promise<void> {
  await strikes[fault.kind]?.strike(system, fault)
}
