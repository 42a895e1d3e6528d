import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { buildConnector } from 'undici'
import { ConfigError } from '../../runtime/check.ts'
import type { UpstreamOptions } from '../options.ts'
import type { OpenCarrier } from './carrier.ts'
import { leanCarriers } from './lean/connection.ts'
import { type DialTls, dialTo } from './lean/dial.ts'
import { Pool } from './pool.ts'
import { undiciCarriers } from './undici.ts'

/** How a target fares, by what became of the requests to it. */
type Health =
  | { readonly state: 'up'; readonly failures: number }
  /** Skipped until then; from then on one request at a time tries it. For ever where health checks found it down: they alone say when it is back. */
  | { readonly state: 'down'; readonly untilMs: number; readonly isTried: boolean }

const healthy: Health = { state: 'up', failures: 0 }
const downByChecks: Health = { state: 'down', untilMs: Number.POSITIVE_INFINITY, isTried: false }

export interface TargetOptions {
  readonly url: string
  readonly weight: number
}

/** What health checks have found so far. */
export interface Checks {
  readonly ok: number
  readonly failed: number
  /** Time that the last one took; undefined before the first. */
  readonly seconds: number | undefined
}

/** One address that requests go to, with its connections and its health: one notion of being up, by requests and by health checks. */
export class Target {
  /** Scheme, host and port, as records and metrics name it. */
  readonly origin: string
  /** Put before the path of each request; empty where the URL has none. */
  readonly pathPrefix: string
  /** The same for all requests: undici takes another name as another server, and would connect again for it. */
  readonly servername: string
  readonly pool: Pool
  readonly #failuresMax: number
  readonly #skipMs: number
  readonly #check: UpstreamOptions['health']
  #health: Health = healthy
  #changedAtMs = Date.now()
  #checks: Checks = { ok: 0, failed: 0, seconds: undefined }
  /** Checks in a row with the same result. */
  #inARow = { result: 'ok', count: 0 }

  constructor(url: string, upstream: UpstreamOptions) {
    const { origin, pathname, hostname } = new URL(url)
    this.origin = origin
    this.pathPrefix = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
    this.servername = hostname
    this.#failuresMax = upstream.failures
    this.#skipMs = upstream.skipMs
    this.#check = upstream.health
    this.pool = new Pool({ connections: upstream.connections, open: carriersTo(new URL(url), upstream) })
  }

  /** Whether requests are sent to it as usual. */
  get isUp(): boolean {
    return this.#health.state === 'up'
  }

  /** Whether a request may be sent to it now: it is up, or its time of being skipped is over and no other request tries it. */
  isUsable(nowMs: number): boolean {
    return this.#health.state === 'up' || (!this.#health.isTried && nowMs >= this.#health.untilMs)
  }

  /** A request goes there now. */
  chosen(nowMs: number): void {
    if (this.#health.state === 'down' && nowMs >= this.#health.untilMs)
      this.#health = { ...this.#health, isTried: true }
  }

  /** When it last came up or went down, Unix milliseconds. */
  get changedAtMs(): number {
    return this.#changedAtMs
  }

  get checks(): Checks {
    return this.#checks
  }

  /** It answered. Any answer clears it, unless health checks found it down. Returns whether it was down. */
  succeeded(): boolean {
    if (this.#health === healthy || this.#isDownByChecks) return false
    return this.#becomes(healthy)
  }

  /** It failed. Returns whether it is down from now on. */
  failed(nowMs: number): boolean {
    if (this.#isDownByChecks) return false
    const failures = this.#health.state === 'up' ? this.#health.failures + 1 : this.#failuresMax
    return this.#becomes(
      failures >= this.#failuresMax
        ? { state: 'down', untilMs: nowMs + this.#skipMs, isTried: false }
        : { state: 'up', failures },
    )
  }

  /** A health check ended. Returns whether it came up or went down by it. */
  checked(result: 'ok' | 'failed', seconds: number): boolean {
    if (!this.#check) return false
    this.#checks = { ...this.#checks, [result]: this.#checks[result] + 1, seconds }
    this.#inARow = { result, count: this.#inARow.result === result ? this.#inARow.count + 1 : 1 }
    const { count } = this.#inARow
    if (result === 'ok') return count >= this.#check.healthyAfter && !this.isUp && this.#becomes(healthy)
    return count >= this.#check.unhealthyAfter && this.#becomes(downByChecks)
  }

  get #isDownByChecks(): boolean {
    return this.#health === downByChecks
  }

  /** Returns whether it came up or went down by it. */
  #becomes(health: Health): boolean {
    const changes = health.state !== this.#health.state
    this.#health = health
    if (changes) this.#changedAtMs = Date.now()
    return changes
  }

  /** The request that was to try it ended without saying anything about it, as its client left. */
  undecided(): void {
    if (this.#health.state === 'down' && !this.#isDownByChecks) this.#health = { ...this.#health, isTried: false }
  }
}

/** 32 KiB: twice what clients may send, for upstreams with many cookies to set. */
const answerHeadBytes = 32_768

function carriersTo(url: URL, upstream: UpstreamOptions): OpenCarrier {
  const tls = url.protocol === 'https:' ? tlsOf(url.hostname, upstream) : undefined
  if (upstream.client === 'lean') return leanCarriers(dialTo(url, upstream.connectMs, tls))
  return undiciCarriers(url.origin, {
    connect: connectorOf(tls, upstream.connectMs),
    headersTimeout: 0, // the gateway watches over its requests itself
    bodyTimeout: 0,
    maxHeaderSize: answerHeadBytes,
    pipelining: 1,
  })
}

/** How undici connects to a target. */
export function toConnect({ origin }: Pick<Target, 'origin'>, upstream: UpstreamOptions) {
  const { protocol, hostname } = new URL(origin)
  return connectorOf(protocol === 'https:' ? tlsOf(hostname, upstream) : undefined, upstream.connectMs)
}

function connectorOf(tls: DialTls | undefined, timeout: number) {
  return tls ? tlsConnector(tls, timeout) : { timeout }
}

function tlsOf(hostname: string, { tls }: UpstreamOptions): DialTls {
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, '')) > 0
  return {
    rejectUnauthorized: !tls.insecure,
    servername: tls.servername ?? (isAddress ? '' : hostname), // TLS knows no addresses as names
    ...(tls.caFile === undefined ? {} : { ca: readAuthorities(tls.caFile) }),
  }
}

function tlsConnector({ servername, ...tls }: DialTls, timeout: number): buildConnector.connector {
  const connect = buildConnector({ ...tls, timeout })
  return (options, callback) => connect({ ...options, servername }, callback)
}

function readAuthorities(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConfigError(`${file} cannot be read: ${cause}. Name a PEM file under tls.caFile of the upstream.`, {
      cause,
    })
  }
}
