import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Registry } from 'prom-client'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import type { Core, KeyFinder, RecordTaker } from './core.ts'
import { Counts } from './counts.ts'
import { Details } from './detail/details.ts'
import type { Limiter } from './limit.ts'
import { type Listener, openListener } from './listener.ts'
import { Live } from './live.ts'
import { LocalLimiter } from './local-limiter.ts'
import type { GatewayOptions } from './options.ts'
import { type Problem, refuse } from './problem.ts'
import { compile, type Snapshot } from './snapshot.ts'
import { Targets } from './upstream/targets.ts'

export interface GatewayDependencies {
  readonly recorder: RecordTaker
  readonly keyring: KeyFinder
  readonly log: Log
  /** Where the gateway's own metrics are shown. */
  readonly registry?: Registry
  /** Counts requests against rate limits; within this process unless another is given. */
  readonly limiter?: Limiter
}

/**
 * A gateway that listens. Disposing takes no new connections, lets what is in flight end within the time that
 * `timeouts.shutdownMs` gives, and cuts off the rest.
 */
export interface Gateway extends AsyncDisposable {
  /** Where it listens, in the order of `listen`. */
  readonly urls: readonly string[]
  /** Requests being served. */
  readonly inFlight: number
  /**
   * Takes other options for all requests that begin from now on; open connections stay. Throws ConfigError, and goes on
   * as before, where they cannot be used. Addresses and certificates' files stay as they are until the next start.
   */
  reload(options: GatewayOptions): void
  /** A changed configuration could not even be read; the last one holds, and the metrics say so. */
  reloadFailed(): void
}

/** Opens the gateway; resolves when it listens. Throws ConfigError where its options cannot be used. */
export async function openGateway(options: GatewayOptions, dependencies: GatewayDependencies): Promise<Gateway> {
  const gateway = new RunningGateway(options, dependencies)
  try {
    await gateway.listen(options)
  } catch (error) {
    await gateway[Symbol.asyncDispose]()
    throw error
  }
  return gateway
}

class RunningGateway implements Gateway, Core {
  readonly recorder: RecordTaker
  readonly keyring: KeyFinder
  readonly limiter: Limiter
  readonly log: Log
  readonly live: Live
  readonly tunnels = new Set<Socket>()
  readonly counts = new Counts()
  readonly details: Details
  snapshot: Snapshot
  wallOffsetMs = wallOffsetMs()
  isDraining = false
  readonly #targets: Targets
  readonly #listeners: Listener[] = []
  /** Tells whether a reload changes anything, without keeping 150,000 routes for it. */
  #fingerprint: string
  /** Replaced, but still used by requests that began with them. */
  #retired: Snapshot[] = []

  constructor(options: GatewayOptions, { recorder, keyring, log, registry, limiter }: GatewayDependencies) {
    this.recorder = recorder
    this.details = new Details({ recorder, log })
    this.keyring = keyring
    this.limiter = limiter ?? new LocalLimiter()
    this.log = log
    this.#targets = new Targets(log)
    this.snapshot = this.#compile(options)
    this.#fingerprint = fingerprintOf(options)
    this.live = new Live(() => {
      this.wallOffsetMs = wallOffsetMs()
      this.#bury()
    })
    if (registry) this.counts.register(registry, { inFlight: () => this.live.size, snapshot: () => this.snapshot })
  }

  get urls(): readonly string[] {
    return this.#listeners.map(({ url }) => url)
  }

  get inFlight(): number {
    return this.live.size
  }

  async listen(options: GatewayOptions): Promise<void> {
    for (const listen of options.listen) this.#listeners.push(await openListener(this, listen, options))
    this.log('info', 'Gateway listens.', { urls: this.urls, apis: options.apis.length })
  }

  reload(options: GatewayOptions): void {
    const fingerprint = fingerprintOf(options)
    if (fingerprint === this.#fingerprint) return void this.counts.unchanged(configuration)
    const { listen } = this.snapshot
    try {
      const snapshot = this.#compile(options)
      this.#retired.push(this.snapshot)
      this.snapshot = snapshot
    } catch (error) {
      this.counts.reloaded('failed', configuration)
      throw error
    }
    this.#fingerprint = fingerprint
    for (const listener of this.#listeners) listener.configure(options)
    this.counts.reloaded('ok', configuration)
    this.log('info', 'Gateway took another configuration.', { apis: options.apis.length })
    if (!isDeepStrictEqual(options.listen, listen))
      this.log('warn', 'Listeners change at the next start only.', { urls: this.urls })
  }

  reloadFailed(): void {
    this.counts.reloaded('failed', configuration)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDraining = true
    for (const listener of this.#listeners) listener.stopAccepting()
    if (!(await this.#drained())) {
      this.log('warn', 'Requests were cut off, as they did not end in time.', { requests: this.live.size })
      for (const exchange of this.live.all()) refuse(exchange, shutDown)
    }
    for (const socket of this.tunnels) socket.destroy()
    for (const listener of this.#listeners) await listener[Symbol.asyncDispose]()
    await this.live.empty() // the last records are made as the connections close
    await this.details.idle()
    this.live[Symbol.dispose]()
    await this.#targets[Symbol.asyncDispose]()
  }

  /** Whether all requests ended within the time they have. */
  async #drained(): Promise<boolean> {
    const { shutdownMs } = this.snapshot.timeouts
    const patience = new AbortController()
    const isDrained = await Promise.race([
      this.live.empty().then(() => true),
      wait(shutdownMs, patience.signal).then(() => false),
    ])
    patience.abort()
    return isDrained
  }

  #compile(options: GatewayOptions): Snapshot {
    return compile(options, {
      limiter: this.limiter,
      target: (url, upstream) => this.#targets.get(url, upstream),
    })
  }

  /** Forgets replaced snapshots that nothing uses any more, with the targets that only they had. */
  #bury(): void {
    if (this.#retired.length === 0) return
    const used = this.#retired.filter(({ users }) => users > 0)
    if (used.length === this.#retired.length) return
    this.#retired = used
    this.#targets.keep(
      new Set([this.snapshot, ...used].flatMap(({ upstreams }) => upstreams.flatMap(({ targets }) => targets))),
    )
  }
}

/** How the counts call it, beside the files of certificates. */
const configuration = 'configuration'

const shutDown: Problem = {
  status: 503,
  outcome: 'gateway_error',
  detail: 'The gateway was shut down before the answer came. Try again.',
  headers: ['retry-after', '1'],
}

function wallOffsetMs(): number {
  return Date.now() - performance.now()
}

/** API by API: written as one text, 15,000 of them would take 100 MB for a moment. */
function fingerprintOf({ apis, ...rest }: GatewayOptions): string {
  const hash = createHash('sha256').update(JSON.stringify(rest))
  for (const api of apis) hash.update(JSON.stringify(api))
  return hash.digest('hex')
}
