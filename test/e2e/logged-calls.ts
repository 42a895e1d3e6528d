import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export const accessLogFile = join(import.meta.dirname, '../data/apache-access-10000.log.gz')

/** What one request is known by, in the log and in every sink alike. */
export interface Call {
  readonly method: string
  readonly status: number
  /** Without the query string, as the client wrote it. */
  readonly path: string
  readonly clientIp: string
}

export function callKey({ method, status, path, clientIp }: Call): string {
  return `${method} ${status} ${path} ${clientIp}`
}

export function statusClassOf({ status }: Pick<Call, 'status'>): string {
  return `${Math.floor(status / 100)}xx`
}

/** A line of the access log. */
export interface LoggedCall extends Call {
  readonly target: string
  /** Body bytes that the log says were sent; 0 where it has `-`. */
  readonly bytes: number
}

/** Reads the log without the product's parser: split at quotes, then at spaces. */
export function readLoggedCalls(): LoggedCall[] {
  const text = gunzipSync(readFileSync(accessLogFile)).toString()
  return text.trimEnd().split('\n').map(toCall)
}

function toCall(line: string): LoggedCall {
  const [client = '', request = '', answer = ''] = line.split('"', 3)
  const [method = '', target = ''] = request.split(' ')
  const [status, bytes] = answer.trim().split(' ')
  const path = target.replace(/\?.*$/, '').replace(/;[^/]*/g, '') // records hold neither query nor parameters
  const [clientIp = ''] = client.split(' ', 1)
  return { method, status: Number(status), path, clientIp, target, bytes: bytes === '-' ? 0 : Number(bytes) }
}

/** The log sums to 2.75 GB; what the upstream sends is cut at a few packets. */
export const bodyCapBytes = 4096

/** Body bytes that the upstream sends for a call. */
export function sentBytes({ method, status, bytes }: LoggedCall): number {
  return method === 'HEAD' || status === 304 ? 0 : Math.min(bytes, bodyCapBytes)
}

/** APIs of the gateway under test, and how the judge knows which one a path belongs to: by its first segment. */
export const apiNames = ['presentations', 'blog', 'images', 'projects', 'files'] as const
export const otherApi = 'site'

export function apiOf({ path }: Pick<Call, 'path'>): string {
  const [segment] = path.split('/').filter((part) => part !== '')
  return apiNames.find((name) => name === segment) ?? otherApi
}

/** The endpoint of a call: each API has one route that takes every path below it. */
export function endpointOf(call: Pick<Call, 'method' | 'path'>): string {
  const api = apiOf(call)
  return `${call.method} ${api === otherApi ? '' : `/${api}`}/{path*}`
}
