import { BlockList, isIP } from 'node:net'
import * as z from 'zod'
import { listenType } from '../runtime/listen.ts'
import { routeConflicts } from './conflicts.ts'
import { consumerRecordOptions, recordOptions } from './detail/options.ts'
import { limitOptions, rateLimitOptions, timeoutOptions } from './limit-options.ts'
import { privacyOptions } from './privacy/options.ts'
import { secretTags } from './privacy/secret-tags.ts'
import { templateFault } from './template.ts'

const duration = (defaultMs: number) => z.int().positive().default(defaultMs)
const names = z.array(z.string().min(1)).default([])

/** Hop of a header name: RFC 9110 token, so that nothing can be smuggled into a header list through the config. */
const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'a header name has letters, digits and dashes only')
  .toLowerCase()

const allowOptions = z
  .strictObject({
    consumers: names.describe('Consumers by name'),
    teams: names.describe('Consumers of these teams'),
    plans: names.describe('Consumers on these plans'),
  })
  .describe('Who may call: whoever is in one of the lists. Others are answered with 403')

const keyOptions = z.strictObject({
  header: headerName.nullable().default('x-api-key').describe('Header that holds the key; null where none does'),
  bearer: z.boolean().default(true).describe('Whether the key may come as `Authorization: Bearer`'),
  query: z.string().min(1).optional().describe('Query parameter that may hold the key; it is never passed on'),
  forward: z.boolean().default(false).describe('Whether the header that held the key is passed on to the upstream'),
})

function templateOnly(path: string, context: z.RefinementCtx): void {
  const fault = templateFault(path)
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
}

const routeOptions = z.strictObject({
  path: z
    .string()
    .superRefine(templateOnly)
    .describe('Path below the base path: `/orders/{id}`; a last segment `{rest*}` takes all that follows, or nothing'),
  methods: z
    .array(
      z
        .string()
        .regex(/^[A-Z-]+$/, 'a method is written in capitals, such as GET')
        .refine((method) => method !== 'TRACE' && method !== 'CONNECT', 'a gateway answers neither TRACE nor CONNECT'),
    )
    .default([])
    .describe('Methods it answers; none: every method. GET also answers HEAD'),
  useCase: z.string().min(1).optional().describe('Use case it serves, for analytics; default the endpoint'),
  expected: z
    .array(z.int().min(400).max(599))
    .default([])
    .describe('Statuses that are normal here and count as success, such as 404 for a look-up'),
  allow: allowOptions.optional(),
  rateLimit: rateLimitOptions.optional(),
  record: recordOptions.optional(),
  responseMs: z
    .int()
    .positive()
    .optional()
    .describe('Wait for the head of the answer, milliseconds; default as the upstream'),
  idleMs: z.int().positive().optional().describe('Longest pause within a body, milliseconds; default as the upstream'),
})

const apiOptions = z.strictObject({
  name: z.string().min(1).describe('Name of the API in analytics'),
  version: z.string().default('').describe('Version of the API in analytics'),
  org: z.string().min(1).optional().describe('Tenant it belongs to; default the gateway’s'),
  hosts: z
    .array(z.string().regex(/^(\*\.)?[a-z0-9.-]+$/, 'a host is a lower-case name, or `*.` and a name'))
    .default([])
    .describe('Hosts it answers for, such as `api.example.com` or `*.example.com`; none: every host'),
  basePath: z
    .string()
    .regex(/^\/[^{}?#]*$/, 'a base path begins with a slash and has no parameters')
    .superRefine(templateOnly)
    .default('/')
    .describe('Path that all of its routes begin with'),
  stripBasePath: z.boolean().default(false).describe('Whether the base path is taken off before the upstream'),
  upstream: z.string().min(1).describe('Name of an upstream, or the URL of its only target'),
  preserveHost: z.boolean().default(false).describe('Whether the upstream is told the host that the client asked for'),
  auth: z.enum(['key', 'none']).default('key').describe('Whether a request needs a key of a consumer'),
  key: keyOptions.prefault({}).describe('Where the key is looked for, in this order: header, bearer, query'),
  allow: allowOptions.optional(),
  rateLimit: rateLimitOptions.optional(),
  bodyBytes: z.int().positive().optional().describe('Largest request body, bytes; default the gateway’s'),
  record: recordOptions.optional(),
  encodedSlashes: z
    .enum(['refuse', 'keep'])
    .default('refuse')
    .describe('What becomes of %2F and %5C in a path: upstreams differ in how they read them, so they are refused'),
  pathParameters: z
    .enum(['refuse', 'keep'])
    .default('refuse')
    .describe(
      'What becomes of `;` and %3B in a path, with what follows in a segment: some upstreams leave it out before they route, so it is refused. Where it is kept, the route is found as if it were not there',
    ),
  routes: z
    .array(routeOptions)
    .prefault([{ path: '/{path*}' }])
    .describe('Routes; default one that takes every path'),
})

const targetOptions = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, message: 'a target is an http:// or https:// URL' })
    .refine((url) => !/[?#@]/.test(url), 'a target’s URL has no query, fragment or user')
    .describe('Where it listens; a path is put before that of the request'),
  weight: z.int().min(1).max(1000).default(1).describe('Its share of the requests, beside the others’ weights'),
})

export const upstreamOptions = z.strictObject({
  targets: z.array(targetOptions).min(1).describe('Where requests go, in turn'),
  tls: z
    .strictObject({
      caFile: z.string().min(1).optional().describe('PEM file of the authorities to trust; default Node’s own'),
      servername: z.string().min(1).optional().describe('Name to ask for and to expect; default the URL’s host'),
      insecure: z.boolean().default(false).describe('Whether any certificate is taken; for tests only'),
    })
    .prefault({})
    .describe('For https targets'),
  client: z
    .enum(['undici', 'lean'])
    .default('undici')
    .describe(
      'HTTP client: undici, or our own, which takes less CPU time and refuses more answers that are not exactly HTTP',
    ),
  connections: z
    .int()
    .positive()
    .default(1024)
    .describe('Most connections to one target. Few are used while they suffice'),
  connectMs: duration(3_000).describe('Wait for a connection, milliseconds'),
  responseMs: duration(60_000).describe('Wait for the head of the answer, milliseconds'),
  idleMs: duration(60_000).describe('Longest pause within a body, milliseconds'),
  health: z
    .strictObject({
      path: z
        .string()
        .regex(/^\/[^#\s]*$/, 'a path begins with a slash')
        .default('/')
        .describe('What is asked for with GET, behind the path of the target’s URL'),
      intervalMs: duration(5_000).describe('Time between two checks, milliseconds'),
      timeoutMs: duration(2_000).describe('Wait for the whole answer, milliseconds'),
      healthyAfter: z
        .int()
        .positive()
        .default(2)
        .describe('Checks in a row that a target passes before it is used again'),
      unhealthyAfter: z
        .int()
        .positive()
        .default(3)
        .describe('Checks in a row that a target fails before it is skipped'),
      expectStatus: z
        .array(z.int().min(100).max(599))
        .default([])
        .describe('Statuses that are well; none: every 2xx and 3xx'),
    })
    .optional()
    .describe('Health checks of each target; without them only requests tell whether it is up'),
  failures: z.int().positive().default(3).describe('Failures in a row after which a target is skipped for a while'),
  skipMs: duration(10_000).describe('How long a failing target is skipped before one request tries it, milliseconds'),
  failureStatuses: z
    .array(z.int().min(500).max(599))
    .default([])
    .describe('Statuses that count as a failure of the target, such as 503'),
})

const listenerOptions = listenType(8080).extend({
  tls: z
    .strictObject({
      certificateFile: z.string().min(1).describe('PEM file of the certificate with its chain'),
      keyFile: z.string().min(1).describe('PEM file of its private key'),
    })
    .optional()
    .describe('For https. Both files are read again when they change'),
})

const consumerOptions = z.strictObject({
  team: z.string().min(1).optional().describe('Team it belongs to; default the consumer itself'),
  plan: z.string().min(1).optional().describe('Plan it is on'),
  tags: z.record(z.string().min(1), z.string()).default({}).describe('Tags that its records carry'),
  record: consumerRecordOptions.optional(),
})

const tagOptions = z.union([
  z.strictObject({ header: headerName.describe('Header that gives the value') }),
  z.strictObject({ query: z.string().min(1).describe('Query parameter that gives the value') }),
])

const shape = z.strictObject({
  name: z.string().min(1).default('gateway').describe('Name of this instance in records'),
  region: z.string().default('').describe('Region of this instance in records'),
  org: z.string().min(1).default('default').describe('Tenant of APIs that name none'),
  listen: z.array(listenerOptions).min(1).prefault([{}]).describe('Where it listens'),
  trustedProxies: z
    .array(z.string().refine(isCidr, 'an address or a network such as 10.0.0.0/8'))
    .default([])
    .describe('Proxies whose X-Forwarded-* headers are believed; from others they are replaced'),
  limits: limitOptions.prefault({}).describe('Limits of one gateway process'),
  timeouts: timeoutOptions.prefault({}).describe('Time limits for clients'),
  traceRatio: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of the requests without a traceparent whose new trace is marked as sampled'),
  privacy: privacyOptions.prefault({}).describe('What of a request may be kept in its record'),
  record: recordOptions.optional().describe('Detailed recording of every API that does not say otherwise'),
  upstreams: z.record(z.string().min(1), upstreamOptions).default({}).describe('Upstreams by name'),
  apis: z.array(apiOptions).default([]).describe('APIs'),
  consumers: z
    .record(z.string().min(1), consumerOptions)
    .default({})
    .describe('Consumers by name; their keys are kept apart'),
  plans: z
    .record(z.string().min(1), z.strictObject({ rateLimit: rateLimitOptions.optional() }))
    .default({})
    .describe('Plans by name'),
  tags: z
    .record(z.string().min(1), tagOptions)
    .default({})
    .describe('Tags of a record by name, and where their values come from'),
})

export type GatewayOptions = z.output<typeof shape>
export type ApiOptions = GatewayOptions['apis'][number]
export type RouteOptions = ApiOptions['routes'][number]
export type UpstreamOptions = z.output<typeof upstreamOptions>
export type ListenerOptions = GatewayOptions['listen'][number]
export type AllowOptions = z.output<typeof allowOptions>
export type KeyOptions = z.output<typeof keyOptions>
export type TagOptions = z.output<typeof tagOptions>

/** Everything that the gateway is told. What refers to something else in it refers to something that is there. */
export const gatewayOptions = shape.superRefine((options, context) => {
  const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
  for (const [name, { plan }] of Object.entries(options.consumers)) {
    if (plan !== undefined && !Object.hasOwn(options.plans, plan))
      fault(['consumers', name, 'plan'], `There is no plan "${plan}" under plans.`)
  }
  options.apis.forEach((api, index) => {
    const at = ['apis', index]
    if (!isUrl(api.upstream) && !Object.hasOwn(options.upstreams, api.upstream))
      fault([...at, 'upstream'], `There is no upstream "${api.upstream}" under upstreams, and it is no URL.`)
    if (isUrl(api.upstream)) {
      for (const { message } of targetOptions.shape.url.safeParse(api.upstream).error?.issues ?? [])
        fault([...at, 'upstream'], message)
    }
    if (api.auth === 'none') {
      const allows = [api.allow, ...api.routes.map(({ allow }) => allow)].some((allow) => allow !== undefined)
      if (allows) fault([...at, 'auth'], 'An API without keys knows no consumers to allow: set auth to key.')
    }
  })
  for (const { path, message } of routeConflicts(options.apis)) fault(path, message)
  for (const { path, message } of secretTags(options)) fault(path, message)
})

/** Whether an api's `upstream` is a target itself. */
export function isUrl(upstream: string): boolean {
  return /^https?:\/\//.test(upstream) && URL.canParse(upstream)
}

function isCidr(text: string): boolean {
  const [address = '', prefix] = text.split('/', 2)
  const family = isIP(address)
  if (family === 0) return false
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
}

/** Networks as Node's own list. */
export function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/', 2)
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}
