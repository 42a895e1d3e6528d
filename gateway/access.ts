import type { Exchange } from './exchange.ts'
import type { Problem } from './problem.ts'
import { queryValue } from './query.ts'
import type { Allow, Api, Consumer } from './snapshot.ts'

const bearer = /^bearer +/i

/** Finds out whose request it is, where the API needs to know; a problem where it must not pass. */
export function authenticate(exchange: Exchange, api: Api): Problem | undefined {
  if (!api.needsKey) return undefined
  const key = findKey(exchange, api)
  if (key === '') return unauthenticated(api, `A key is needed: send it as ${places(api)}.`)
  const { keyring } = exchange.core
  const entry = keyring.find(key)
  if (entry) {
    known(exchange, entry)
    return undefined
  }
  const dead = keyring.findDead(key)
  if (!dead) return unauthenticated(api, 'The key is not known. Check that it is whole, and meant for this gateway.')
  known(exchange, dead)
  return unauthenticated(api, 'The key has expired or was revoked. Ask for a new one.')
}

/** A problem where the route names who may call it, and this caller is not among them. */
export function authorize(allow: Allow | undefined, consumer: Consumer | undefined): Problem | undefined {
  if (!allow || (consumer && isAllowed(allow, consumer))) return undefined
  return {
    status: 403,
    outcome: 'forbidden',
    detail: 'The key is valid, but may not call this. Ask the owner of the API to allow it.',
  }
}

function isAllowed({ consumers, teams, plans }: Allow, { name, team, plan }: Consumer): boolean {
  return consumers.has(name) || teams.has(team) || plans.has(plan)
}

function known(exchange: Exchange, { id, consumer }: { readonly id: string; readonly consumer: string }): void {
  exchange.keyId = id
  exchange.consumer = exchange.snapshot.consumer(consumer)
}

/** The key, empty where there is none. Notes which header held it, for that header to end here. */
function findKey(exchange: Exchange, { key }: Api): string {
  const { headers } = exchange.request
  if (key.header !== null) {
    const value = headers[key.header]
    if (typeof value === 'string' && value !== '') {
      if (!key.forward) exchange.keyHeader = key.header
      return value
    }
  }
  if (key.bearer && headers.authorization !== undefined && bearer.test(headers.authorization)) {
    if (!key.forward) exchange.keyHeader = 'authorization'
    return headers.authorization.replace(bearer, '')
  }
  return key.query === undefined ? '' : (queryValue(exchange.query, key.query) ?? '')
}

function unauthenticated({ name, key }: Api, detail: string): Problem {
  const scheme = key.bearer ? 'Bearer' : 'ApiKey'
  return {
    status: 401,
    outcome: 'unauthenticated',
    detail,
    headers: ['www-authenticate', `${scheme} realm="${name.replace(/[^\x20-\x7e]|["\\]/g, '')}"`],
  }
}

function places({ key }: Api): string {
  const all = [
    key.header === null ? '' : `the header ${key.header}`,
    key.bearer ? 'Authorization: Bearer KEY' : '',
    key.query === undefined ? '' : `the query parameter ${key.query}`,
  ].filter((place) => place !== '')
  return all.join(', or ')
}
