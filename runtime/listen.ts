import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as z from 'zod'
import { ConfigError } from './check.ts'

/** Where a server listens. Loopback unless the operator says otherwise. */
export function listenType(port: number) {
  return z.strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for every IPv4 interface'),
    port: z.int().min(0).max(65_535).default(port).describe('TCP port; 0 takes a free one'),
  })
}

export type Listen = z.output<ReturnType<typeof listenType>>

/** Starts to listen; resolves to the address, such as `http://127.0.0.1:8082`. Throws ConfigError where it cannot be had. */
export async function startListening(
  server: Server,
  { host, port }: Listen,
  scheme: 'http' | 'https' = 'http',
): Promise<string> {
  server.listen(port, host)
  await once(server, 'listening').catch((cause: unknown) => {
    throw new ConfigError(`Cannot listen on ${host}:${port}: ${reason(cause)}`, { cause })
  })
  const { port: bound } = server.address() as AddressInfo // a TCP server that listens
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound}`
}

/** Stops listening and ends what is open. May be called twice. */
export async function stopListening(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'the port is taken. Choose another one, or stop what listens there.'
  if (code === 'EACCES') return 'the port needs privileges. Choose one above 1023.'
  if (code === 'EADDRNOTAVAIL') return 'the address is not of this machine. Choose 127.0.0.1 or 0.0.0.0.'
  return String(error)
}
