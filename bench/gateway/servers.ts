import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, isListening } from '../../test/services/port.ts'
import { installed } from '../../test/services/provision.ts'
import { until } from '../../test/services/until.ts'
import type { Client, Variant } from './penstock.ts'

/** A server of the bench in a process of its own. */
export interface BenchServer extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

/** nginx with one worker that answers everything with 1 KB. */
export async function startUpstream(folder: string): Promise<BenchServer> {
  const answer = `default_type application/json; return 200 "${'x'.repeat(1024)}";`
  return await startNginx(
    join(folder, 'upstream'),
    (port) => `server { listen 127.0.0.1:${port} backlog=4096; location / { ${answer} } }`,
  )
}

/** nginx with one worker as a reverse proxy. */
export async function startNginxProxy(folder: string, upstream: string): Promise<BenchServer> {
  const server = new URL(upstream).host
  return await startNginx(
    join(folder, 'nginx'),
    (port) => `
    upstream target { server ${server}; keepalive 128; keepalive_requests 1000000000; }
    server { listen 127.0.0.1:${port} backlog=4096;
      location / { proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
  )
}

async function startNginx(folder: string, http: (port: number) => string): Promise<BenchServer> {
  await installed({ name: 'nginx-light', files: ['/usr/sbin/nginx'] })
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  )
  const file = join(folder, 'nginx.conf')
  writeFileSync(
    file,
    `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
  events { worker_connections 8192; }
  http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; ${temporary.join(' ')} ${http(port)} }`,
  )
  return await listening(spawn('/usr/sbin/nginx', ['-c', file], { stdio: 'ignore' }), port)
}

/** HAProxy with one thread as a reverse proxy. */
export async function startHaproxy(folder: string, upstream: string): Promise<BenchServer> {
  await installed({ name: 'haproxy', files: ['/usr/sbin/haproxy'] })
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server target ${new URL(upstream).host} pool-max-conn 128
`,
  )
  return await listening(spawn('/usr/sbin/haproxy', ['-f', file], { stdio: 'ignore' }), port)
}

async function listening(child: ChildProcess, port: number): Promise<BenchServer> {
  await until(() => isListening(port), { what: `${child.spawnfile} on port ${port}` })
  return toServer(child, `http://127.0.0.1:${port}`, () => void child.kill('SIGTERM'))
}

/** Penstock as `penstock.ts` opens it. */
export async function startPenstock(
  folder: string,
  upstream: string,
  variant: Variant,
  client: Client = 'undici',
): Promise<BenchServer> {
  return await startScript('penstock.ts', [folder, upstream, variant, client])
}

/** An upstream that takes its time: 1 KB after so many milliseconds. */
export async function startSlowUpstream(delayMs: number): Promise<BenchServer> {
  return await startScript('slow-upstream.ts', [String(delayMs)])
}

async function startScript(name: string, args: string[]): Promise<BenchServer> {
  const child = fork(join(import.meta.dirname, name), args)
  const [{ url }] = (await once(child, 'message')) as [{ url: string }]
  return toServer(child, url, () => void (child.connected && child.disconnect()))
}

function toServer(child: ChildProcess, url: string, stop: () => void): BenchServer {
  const ended = once(child, 'exit')
  return {
    url,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      stop()
      await ended
    },
  }
}
