import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { installed } from '../../test/services/provision.ts'

const execute = promisify(execFile)

export interface Load {
  readonly requests: number
  readonly requestsPerSecond: number
  /** As wrk sees it: a closed loop, which sends less when answers are late. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Requests that failed or were not answered with 2xx. */
  readonly failed: number
}

export interface LoadOptions {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  /** Made by `writeRequests`. */
  readonly script: string
}

/** Writes the requests that wrk sends in turn, one with each key, made before it begins. */
export function writeRequests(folder: string, keys: readonly string[]): string {
  const file = join(folder, 'requests.lua')
  writeFileSync(
    file,
    `local keys = {${keys.map((key) => `"${key}"`).join(',')}}
local requests, n = {}, 0
init = function()
  for i, key in ipairs(keys) do
    requests[i] = wrk.format("GET", "/orders/" .. i, { ["x-api-key"] = key, ["user-agent"] = "bench/1" })
  end
end
request = function() n = n % #requests + 1; return requests[n] end
`,
  )
  return file
}

/** As many requests as the connections take, by wrk on one thread. */
export async function runWrk({ url, connections, seconds, script }: LoadOptions): Promise<Load> {
  await installed({ name: 'wrk', files: ['/usr/bin/wrk'] })
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '--latency', '-s', script, url]
  const { stdout } = await execute('/usr/bin/wrk', args)
  const [, requests, took] = /(\d+) requests in ([\d.]+\w+)/.exec(stdout) ?? []
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? []
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0)
  return {
    requests: Number(requests),
    requestsPerSecond: Number(requests) / (toMs(took) / 1000),
    p50Ms: toMs(/^ +50% +(\S+)/m.exec(stdout)?.[1]),
    p99Ms: toMs(/^ +99% +(\S+)/m.exec(stdout)?.[1]),
    failed: refused + errors.reduce((sum, count) => sum + Number(count), 0),
  }
}

function toMs(text = ''): number {
  const [, number, unit = ''] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? []
  return Number(number) * ({ us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit] ?? Number.NaN)
}
