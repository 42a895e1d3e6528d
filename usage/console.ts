import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { ConfigError } from '../runtime/check.ts'
import { startListening, stopListening } from '../runtime/listen.ts'
import type { Log } from '../runtime/log.ts'
import { createUsageApi, type UsageSource } from './api.ts'
import { bearer, isLoopback, ownHostOnly, secureHeaders } from './guard.ts'
import type { ConsoleOptions } from './options.ts'
import { problemResponse } from './problem.ts'

/** A file of the page. */
export interface Asset {
  /** Where it is served, such as `/page.js`. */
  readonly path: string
  readonly file: URL
  readonly type: string
}

export interface OpenConsoleOptions extends ConsoleOptions {
  readonly store: UsageSource
  /** The page; its files are read once. */
  readonly assets: readonly Asset[]
  readonly log: Log
}

/** Serves the usage page and the usage API until it is disposed. */
export interface Console extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:8083`. */
  readonly url: string
}

/** There are no logins: whoever may ask sees this tenant. */
const scope = { org: 'default' }

/** Starts to listen. Throws ConfigError where the address cannot be had, or would show the numbers to everybody. */
export async function openConsole(options: OpenConsoleOptions): Promise<Console> {
  const { host, token, assets, log } = options
  if (!isLoopback(host) && token === undefined) {
    throw new ConfigError(
      `The console would show its numbers to everybody who reaches ${host}: set console.token, or console.host to 127.0.0.1.`,
    )
  }
  const app = new Hono()
  app.use(secureHeaders)
  if (isLoopback(host)) app.use(ownHostOnly)
  for (const { path, file, type } of assets) {
    const body = await readFile(file)
    app.get(path, (context) => context.body(body, 200, { 'content-type': type, 'cache-control': 'no-cache' }))
  }
  if (token !== undefined) app.use(bearer(token))
  app.route('/', createUsageApi({ store: options.store, scope, log }))
  app.notFound(() => problemResponse(notFound))

  const server = createAdaptorServer({ fetch: app.fetch }) as Server // plain HTTP, since no other way to make it is given
  const url = await startListening(server, options)
  server.on('error', (error) => log('error', 'Console server failed.', { error }))
  return { url, [Symbol.asyncDispose]: () => stopListening(server) }
}

const notFound = {
  title: 'Not found',
  status: 404,
  detail: 'There are /v1/usage and /v1/health; /openapi.json describes them.',
}
