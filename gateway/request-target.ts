/** What a request line and its Host header ask for, taken apart. */
export interface RequestTarget {
  /** Lower case, without port; empty where the client named none. */
  readonly host: string
  readonly path: string
  /** With its question mark; empty where there is none. */
  readonly query: string
}

/** Why a request cannot be understood: said to the client as it is. */
export interface Unclear {
  readonly fault: string
}

const absolute = /^https?:\/\/([^/?#]*)/i
const hostForm = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/

/** Reads where a request is to go. Where the request line names a host itself, the Host header must name the same. */
export function parseRequestTarget(url: string, hostHeader: string | undefined): RequestTarget | Unclear {
  let rest = url
  let authority = hostHeader ?? ''
  if (!url.startsWith('/')) {
    const named = absolute.exec(url)?.[1]
    if (named === undefined) return { fault: 'The request target is neither a path nor an http(s) URL.' }
    if (hostHeader !== undefined && hostHeader.toLowerCase() !== named.toLowerCase())
      return { fault: 'The request target and the Host header name different hosts.' }
    authority = named
    rest = url.slice(url.indexOf('//') + 2 + named.length)
    if (!rest.startsWith('/')) rest = `/${rest}`
  }
  if (rest.includes('#')) return { fault: 'A request target has no fragment: leave out what begins with #.' }
  const host = parseHost(authority)
  if (host === undefined) return { fault: 'The Host header is not a host name with an optional port.' }
  const question = rest.indexOf('?')
  return question < 0
    ? { host, path: rest, query: '' }
    : { host, path: rest.slice(0, question), query: rest.slice(question) }
}

/** 1,000 spellings: the hosts that clients name repeat, so that each is parsed once. */
const hostsMax = 1000
const hosts = new Map<string, string>()

/** 261 characters: the longest name, a dot, and a port. What is remembered of hosts is bounded by it, and so is the search for their suffixes. */
const authorityMax = 261

function parseHost(authority: string): string | undefined {
  let host = hosts.get(authority)
  if (host !== undefined) return host
  if (authority.length > authorityMax || !hostForm.test(authority)) return undefined
  host = authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
  if (hosts.size >= hostsMax) hosts.clear()
  hosts.set(authority, host)
  return host
}
