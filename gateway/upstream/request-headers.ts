import type { Exchange } from '../exchange.ts'
import { hopByHop, lengthsOf, namedByConnection } from '../hop-by-hop.ts'
import { toTraceparent } from '../trace.ts'

/** How the gateway names itself in Via. */
const viaName = 'penstock'

type Fate =
  /** Ends here, or is written anew below. */
  | 'drop'
  /** Gets the gateway's own entry. */
  | 'via'
  /** Says who the client is: believed from trusted proxies only. */
  | 'claim'
  /** Belongs to a traceparent. */
  | 'tracestate'

const fates = new Map<string, Fate>([
  ...[...hopByHop].map((name) => [name, 'drop'] as const),
  ...[
    'host',
    'expect',
    'proxy',
    'traceparent',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-consumer',
  ].map((name) => [name, 'drop'] as const),
  ['via', 'via'],
  ['forwarded', 'claim'],
  ['x-real-ip', 'claim'],
  ['tracestate', 'tracestate'],
])
const lengths = lengthsOf(fates.keys())
const claims = 'x-forwarded-'

/** What the upstream is told: the client's headers, less those that end here, and those that the gateway answers for. */
export function toUpstreamHeaders(exchange: Exchange): string[] {
  const { request, peer, keyHeader, trace } = exchange
  const raw = request.rawHeaders
  const known = request.headers
  const named = namedByConnection(known.connection)
  const headers: string[] = []
  let via = `${request.httpVersion} ${viaName}`
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string // names and values alternate
    const value = raw[i + 1] as string // names and values alternate
    if (keyHeader.length === name.length && name.toLowerCase() === keyHeader) continue
    if (named?.has(name.toLowerCase())) continue
    if (name.includes('_') && known[spelled(name)] !== undefined) continue // some upstreams would take it for the other one
    const fate = fateOf(name)
    if (fate === undefined || (fate === 'claim' && peer.isTrusted)) headers.push(name, value)
    else if (fate === 'via') via = `${value}, ${via}`
    else if (fate === 'tracestate' && trace.isContinued) headers.push(name, value)
  }
  if (exchange.consumer) headers.push('x-consumer', exchange.consumer.name)
  const host = known.host ?? ''
  if (exchange.route?.api.preserveHost) headers.push('host', host)
  const before = peer.isTrusted ? text(known['x-forwarded-for']) : ''
  headers.push(
    'x-forwarded-for',
    before === '' ? peer.address : `${before}, ${peer.address}`,
    'x-forwarded-proto',
    (peer.isTrusted && text(known['x-forwarded-proto'])) || (peer.isEncrypted ? 'https' : 'http'),
    'x-forwarded-host',
    (peer.isTrusted && text(known['x-forwarded-host'])) || host,
    'via',
    via,
    'traceparent',
    toTraceparent(trace),
  )
  return headers
}

/** What becomes of a header; undefined where it is passed on, as most are. Some upstreams read `X_Consumer` as `X-Consumer`, so it is the same here. */
function fateOf(name: string): Fate | undefined {
  if (lengths[name.length] === 1) {
    const fate = fates.get(spelled(name))
    if (fate !== undefined) return fate
  }
  return name.length > claims.length && spelled(name.slice(0, claims.length)) === claims ? 'claim' : undefined
}

function spelled(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

function text(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.join(', ') ?? '')
}
