import * as z from 'zod'

/** Where a server listens. Loopback unless the operator says otherwise. */
export function listenType(port: number) {
  return z.strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for every IPv4 interface'),
    port: z.int().min(0).max(65_535).default(port).describe('TCP port; 0 takes a free one'),
  })
}

export type Listen = z.output<ReturnType<typeof listenType>>
