import { createHmac } from 'node:crypto'
import { isIPv6 } from 'node:net'

/** The network of an address: its first 24 bits for IPv4, 48 for IPv6. What is no address stays as it is. */
export function truncated(address: string): string {
  if (isIPv6(address)) return networkOf(address, 3)
  const lastDot = address.lastIndexOf('.')
  return lastDot < 0 ? address : `${address.slice(0, lastDot)}.0`
}

/**
 * Who is counted as one client where there is no consumer: an IPv4 address, but for IPv6 its /64, as whoever has one
 * address there has 2⁶⁴.
 */
export function clientOf(address: string): string {
  return address.includes(':') && isIPv6(address) ? networkOf(address, 4) : address
}

/** The network of an IPv6 address, by its first so many groups of 16 bits, such as `2001:db8:7::`. */
function networkOf(address: string, groups: number): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::', 2)
  const first = head === '' ? [] : head.split(':')
  const last = tail ? tail.split(':') : []
  const isDotted = (last.at(-1) ?? first.at(-1) ?? '').includes('.') // the last 32 bits, written as IPv4
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length - (isDotted ? 1 : 0)
  const all = [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, groups)
  return `${all.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::`
}

/** 10,000 addresses: 1 MB. An HMAC takes 2 µs, so that a client is worth remembering. */
const knownMax = 10_000
/** 64 bits: among a million clients two are one with a chance of 1 in 37 million. */
const pseudonymDigits = 16

/** Makes what stands for an address: always the same for the same one, and nothing to anybody without the secret. */
export function pseudonymizer(secret: string): (address: string) => string {
  const known = new Map<string, string>()
  return (address) => {
    if (address === '') return ''
    let pseudonym = known.get(address)
    if (pseudonym === undefined) {
      pseudonym = createHmac('sha256', secret).update(address).digest('hex').slice(0, pseudonymDigits)
      if (known.size >= knownMax) known.clear()
      known.set(address, pseudonym)
    }
    return pseudonym
  }
}
