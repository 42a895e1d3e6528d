import { type BlockList, isIP, type Socket } from 'node:net'

/** The other end of a connection, worked out once for all of its requests. */
export interface Peer {
  /** IPv4 where it came by IPv4, also to a socket of both families. */
  readonly address: string
  /** Whether its X-Forwarded-* headers are believed. */
  readonly isTrusted: boolean
  /** Whether it came by TLS. */
  readonly isEncrypted: boolean
  /** The list that was asked. */
  readonly trusted: BlockList
}

const peer = Symbol('peer')

/** Who is at the other end, by the given list of trusted proxies. */
export function peerOf(socket: Socket & { [peer]?: Peer; encrypted?: boolean }, trusted: BlockList): Peer {
  const known = socket[peer]
  if (known && known.trusted === trusted) return known
  const address = withoutMapping(socket.remoteAddress ?? '')
  const found: Peer = {
    address,
    isTrusted: address !== '' && isIn(trusted, address),
    isEncrypted: socket.encrypted === true,
    trusted,
  }
  socket[peer] = found
  return found
}

/**
 * The client's address: from the right, the first of X-Forwarded-For that is no trusted proxy, where the peer is one.
 * An entry that is no address ends the search at the proxy that wrote it.
 */
export function clientAddress({ address, isTrusted, trusted }: Peer, forwardedFor: string | undefined): string {
  if (!isTrusted || forwardedFor === undefined) return address
  let client = address
  for (const entry of forwardedFor.split(',').reverse()) {
    const candidate = withoutPort(entry.trim())
    if (isIP(candidate) === 0) return client
    client = withoutMapping(candidate)
    if (!isIn(trusted, client)) return client
  }
  return client
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

const mapped = '::ffff:'

function withoutMapping(address: string): string {
  return address.startsWith(mapped) && address.includes('.') ? address.slice(mapped.length) : address
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  if (entry.startsWith('[')) return entry.slice(1, entry.indexOf(']'))
  const colon = entry.indexOf(':')
  return colon >= 0 && colon === entry.lastIndexOf(':') ? entry.slice(0, colon) : entry
}
