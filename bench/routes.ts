/** What 150,000 routes cost: time and memory of a start from a file, and of a request, beside one route. `node bench/routes.ts` */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { openGateway } from '../gateway/gateway.ts'
import { Router } from '../gateway/router.ts'
import { parseTemplate } from '../gateway/template.ts'
import { noLog } from '../runtime/log.ts'
import { type Claim, median, say } from './gateway/report.ts'

const apis = 15_000
/** Ten ways that the routes of a real API look like, below its base path. */
const routes = [
  '/',
  '/{id}',
  '/{id}/items',
  '/{id}/items/{item}',
  '/search',
  '/search/{query}',
  '/export',
  '/{id}/history',
  '/{id}/notes/{note}',
  '/health',
]

if (process.argv[2] !== undefined) await start(process.argv[2])
else say([...(await benchStart()), ...benchFind()])

/** In a process of its own, so that its memory is all there is. */
async function start(file: string): Promise<void> {
  const beganMs = performance.now()
  const config = loadConfig(file)
  const keyring = { find: () => undefined, findDead: () => undefined }
  await using gateway = await openGateway(config.gateway, { recorder: { record: () => true }, keyring, log: noLog })
  const seconds = (performance.now() - beganMs) / 1000
  const { resourceUsage, memoryUsage } = process
  process.send?.({
    seconds,
    peakMb: resourceUsage().maxRSS / 1024,
    residentMb: memoryUsage().rss / 2 ** 20,
    urls: gateway.urls,
  })
}

async function benchStart(): Promise<Claim[]> {
  const folder = mkdtempSync(join(tmpdir(), 'penstock-bench-'))
  try {
    const file = join(folder, 'penstock.yaml')
    writeFileSync(file, yamlOf(apis))
    const child = fork(import.meta.filename, [file])
    const [{ seconds, peakMb, residentMb }] = (await once(child, 'message')) as [
      { seconds: number; peakMb: number; residentMb: number },
    ]
    await once(child, 'exit')
    console.log(
      `Start with ${apis * routes.length} routes: ${seconds.toFixed(2)} s, ${residentMb.toFixed(0)} MB (peak ${peakMb.toFixed(0)} MB)`,
    )
    return [
      { what: `start with ${apis * routes.length} routes`, measured: seconds, atMost: 3, unit: 's' },
      { what: `memory with ${apis * routes.length} routes`, measured: residentMb, atMost: 300, unit: 'MB' },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function yamlOf(count: number): string {
  const lines = ['gateway:', '  listen: [{ port: 0 }]', '  apis:']
  for (let i = 0; i < count; i++) {
    lines.push(
      `    - name: api-${i}`,
      '      upstream: http://127.0.0.1:9000',
      `      basePath: /team-${i % 200}/api-${i}/v1`,
      '      routes:',
    )
    for (const path of routes) lines.push(`        - { path: '${path}', methods: [GET, POST] }`)
  }
  return `${lines.join('\n')}\n`
}

function benchFind(): Claim[] {
  const one = findUs(routerOf(1), () => 0)
  const many = findUs(routerOf(apis), (i) => (i * 7919) % apis)
  console.log(`Finding a route: ${one.toFixed(3)} µs of one API, ${many.toFixed(3)} µs of ${apis}`)
  return [
    {
      what: `finding one of ${apis * routes.length} routes, beyond one API`,
      measured: many - one,
      atMost: 1,
      unit: 'µs',
    },
  ]
}

function routerOf(count: number): Router<number> {
  const router = new Router<number>()
  for (let i = 0; i < count; i++) {
    for (const path of routes) router.add('', ['GET', 'POST'], parseTemplate(`/team-${i % 200}/api-${i}/v1`, path), i)
  }
  return router
}

/** Median of several rounds. Each path is made for its request, as a parser would. */
function findUs(router: Router<number>, apiOf: (i: number) => number): number {
  const times = 100_000
  const round = (look: (path: string) => unknown) => {
    const beganMs = performance.now()
    for (let i = 0; i < times; i++) {
      const api = apiOf(i)
      if (look(`/team-${api % 200}/api-${api}/v1/${i}/items/${i}`) === undefined)
        throw new Error(`API ${api} was not found.`)
    }
    return ((performance.now() - beganMs) * 1000) / times
  }
  const rounds = Array.from(
    { length: 15 },
    () => round((path) => router.find('a.example', 'GET', path)) - round((path) => path.indexOf('?')),
  )
  return median(rounds)
}
