import { randomBytes } from 'node:crypto'
import { fieldNames, fields, type RequestRecord } from './fields.ts'
import { newRecordId } from './id.ts'
import { outcomeOfStatus } from './outcome.ts'

const empty = Object.fromEntries(fieldNames.map((name) => [name, fields[name].empty])) as unknown as RequestRecord // fromEntries loses the pairing

/** A plausible record; a test or a demo states only what it is about. */
export function aRecord(overrides: Partial<RequestRecord> = {}): RequestRecord {
  const status = overrides.status ?? 200
  const method = overrides.method ?? 'GET'
  const route = overrides.route ?? '/orders/{id}'
  const endpoint = overrides.endpoint ?? `${method} ${route}`
  const consumer = overrides.consumer ?? 'acme'
  return {
    ...empty,
    id: newRecordId(),
    ts: Date.now() * 1000,
    gateway: 'gw-1',
    api: 'orders',
    apiVersion: '1',
    route,
    endpoint,
    method,
    host: 'api.example.com',
    path: '/orders/42',
    status,
    outcome: outcomeOfStatus(status),
    consumer,
    team: consumer,
    keyId: 'key_1',
    plan: 'gold',
    useCase: endpoint,
    totalUs: 12_000,
    gatewayUs: 300,
    upstreamUs: 11_000,
    bytesOut: 1024,
    clientIp: '192.0.2.7',
    userAgent: 'curl/8.1',
    upstream: 'http://127.0.0.1:9000',
    tries: 1,
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    ...overrides,
  }
}
