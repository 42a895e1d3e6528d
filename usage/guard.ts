import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { problemResponse } from './problem.ts'

/** Tells browsers to take nothing for this page but what this server sent, and to keep it to itself. */
export const secureHeaders: MiddlewareHandler = async (context, next) => {
  await next()
  context.header(
    'content-security-policy',
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  )
  context.header('x-content-type-options', 'nosniff')
  context.header('referrer-policy', 'no-referrer')
  context.header('cross-origin-resource-policy', 'same-origin')
}

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** Refuses names that are not this machine's: a foreign page that points its own name here would read the answers. */
export const ownHostOnly: MiddlewareHandler = async (context, next) => {
  if (isLoopback(new URL(context.req.url).hostname)) return await next()
  return problemResponse({
    title: 'Misdirected request',
    status: 421,
    detail:
      'This console is for its own machine: ask for localhost or 127.0.0.1, or set console.host and console.token.',
  })
}

/** Asks for the token as `Authorization: Bearer`. */
export function bearer(token: string): MiddlewareHandler {
  const expected = digest(token)
  return async (context, next) => {
    const given = /^bearer (.*)$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? ''
    if (timingSafeEqual(digest(given), expected)) return await next()
    return problemResponse(
      { title: 'Unauthorized', status: 401, detail: 'Send the console’s token as `Authorization: Bearer TOKEN`.' },
      { 'www-authenticate': 'Bearer' },
    )
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
