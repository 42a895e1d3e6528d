import * as z from 'zod'
import { httpAddress, tlsOption } from '../http.ts'

const endpoint = (signal: string) =>
  httpAddress(`http://localhost:4318/v1/${signal}`)
    .optional()
    .describe(`Address for ${signal}, where it is not that of url with /v1/${signal}`)

export const otlpOptions = z
  .strictObject({
    url: httpAddress('http://localhost:4318')
      .default('http://localhost:4318')
      .describe('Address of the receiver of OTLP over HTTP, without /v1/…'),
    endpoints: z
      .strictObject({ logs: endpoint('logs'), traces: endpoint('traces'), metrics: endpoint('metrics') })
      .prefault({})
      .describe('Addresses of single signals'),
    logs: z.boolean().default(true).describe('Send a log record for each request'),
    traces: z.boolean().default(false).describe('Send a server span for each request that has a trace id'),
    metrics: z.boolean().default(true).describe('Send durations, requests and bytes per endpoint'),
    headers: z
      .record(
        z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of a header'),
        z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be one line'),
      )
      .default({})
      .meta({ secret: true })
      .describe('Headers of every request, such as an API key'),
    resource: z
      .record(z.string().min(1), z.string())
      .default({})
      .describe(
        'Attributes of the resource beside service.name, service.instance.id and cloud.region, or in their place',
      ),
    compression: z.enum(['gzip', 'none']).default('gzip').describe('How requests are compressed'),
    timeoutMs: z.int().min(100).default(10_000).describe('Longest wait for the answer to a request, milliseconds'),
    requestRecords: z
      .int()
      .min(1)
      .default(1000) // a megabyte or so
      .describe(
        'Most records in a request: what the receiver refuses as a whole is sent again and isolated by requests',
      ),
    requestBytes: z
      .int()
      .min(1024)
      .default(4 * 1024 * 1024) // receivers take 20 MiB by default, before them proxies often less
      .describe('Most bytes in a request before compression, but for a single record that is larger'),
    tls: tlsOption
      .optional()
      .describe('For an https address whose certificate the system does not trust, or for a certificate of our own'),
  })
  .refine(({ logs, traces, metrics }) => logs || traces || metrics, 'logs, traces or metrics must be true')

export type OtlpOptions = z.output<typeof otlpOptions>
