import type { BlockList } from 'node:net'
import { type Recording, toRecording } from './detail/recording.ts'
import type { Exchange } from './exchange.ts'
import type { Limiter, Rule } from './limit.ts'
import {
  type AllowOptions,
  type ApiOptions,
  type GatewayOptions,
  isUrl,
  type KeyOptions,
  type RouteOptions,
  toBlockList,
  type UpstreamOptions,
  upstreamOptions,
} from './options.ts'
import { normalPath } from './path.ts'
import { compilePrivacy, type Privacy } from './privacy/privacy.ts'
import { pathShower } from './privacy/shown-path.ts'
import { Router } from './router.ts'
import { compileTags } from './tags.ts'
import { joinPath, parseTemplate } from './template.ts'
import type { Target } from './upstream/target.ts'
import { Upstream } from './upstream/upstream.ts'

/**
 * A configuration as requests use it. A reload compiles a new one and swaps one pointer; a request keeps the one that it
 * began with, and the old one dies with its last request.
 */
export interface Snapshot {
  readonly name: string
  readonly region: string
  readonly org: string
  readonly listen: GatewayOptions['listen']
  readonly limits: GatewayOptions['limits']
  readonly timeouts: GatewayOptions['timeouts']
  readonly traceRatio: number
  readonly trusted: BlockList
  readonly privacy: Privacy
  readonly router: Router<Route>
  readonly upstreams: readonly Upstream[]
  /** A consumer by its name; one that the configuration does not name is known by its name alone. */
  consumer(name: string): Consumer
  tagsOf(exchange: Exchange): Readonly<Record<string, string>>
  /** Requests that use it. */
  users: number
}

export interface Consumer {
  readonly name: string
  readonly team: string
  readonly plan: string
  readonly tags: Readonly<Record<string, string>>
  readonly rules: readonly Rule[]
  /** What is recorded of its requests in detail. */
  readonly recording: Recording | undefined
}

export interface Allow {
  readonly consumers: ReadonlySet<string>
  readonly teams: ReadonlySet<string>
  readonly plans: ReadonlySet<string>
}

export interface Api {
  readonly name: string
  readonly version: string
  readonly org: string
  readonly upstream: Upstream
  readonly needsKey: boolean
  readonly key: KeyOptions
  readonly preserveHost: boolean
  /** Characters to take off the front of the path. */
  readonly strip: number
  readonly bodyBytes: number
  readonly keepsEncodedSlashes: boolean
  readonly keepsParameters: boolean
}

type RouteParts = Pick<Route, 'allow' | 'rules' | 'recording' | 'shownPath'>

export class Route {
  readonly api: Api
  readonly template: string
  readonly useCase: string | undefined
  readonly expected: ReadonlySet<number> | undefined
  readonly allow: Allow | undefined
  readonly rules: readonly Rule[]
  readonly responseMs: number
  readonly idleMs: number
  /** What is recorded of its requests in detail. */
  readonly recording: Recording | undefined
  /** The path of a request as its record has it. */
  readonly shownPath: (path: string) => string
  #method = ''
  #endpoint = ''

  constructor(api: Api, template: string, route: RouteOptions, { allow, rules, recording, shownPath }: RouteParts) {
    this.api = api
    this.template = template
    this.useCase = route.useCase
    this.expected = route.expected.length > 0 ? new Set(route.expected) : undefined
    this.allow = allow
    this.rules = rules
    this.recording = recording
    this.shownPath = shownPath
    this.responseMs = route.responseMs ?? api.upstream.options.responseMs
    this.idleMs = route.idleMs ?? api.upstream.options.idleMs
  }

  /** Method and template. The last one is kept: most routes are asked by one method. */
  endpoint(method: string): string {
    if (method !== this.#method) {
      this.#method = method
      this.#endpoint = `${method} ${this.template}`
    }
    return this.#endpoint
  }
}

export interface Compiling {
  readonly limiter: Limiter
  /** The target for a URL and its upstream's options: the one of the snapshot before, where nothing about it changed. */
  target(url: string, options: UpstreamOptions): Target
}

const noRules: readonly Rule[] = []

/** Compiles checked options: 150,000 routes in well under a second. */
export function compile(options: GatewayOptions, compiling: Compiling): Snapshot {
  const upstreams = new Map<string, Upstream>()
  const upstreamOf = (name: string): Upstream => {
    const upstream = upstreams.get(name) ?? compileUpstream(name, options, compiling)
    upstreams.set(name, upstream)
    return upstream
  }
  for (const name of Object.keys(options.upstreams)) upstreamOf(name)
  const router = new Router<Route>()
  const privacy = compilePrivacy(options)
  const recording = toRecording(options.record)
  for (const api of options.apis)
    addApi(api, { router, upstream: upstreamOf(api.upstream), options, limiter: compiling.limiter, privacy, recording })
  return {
    name: options.name,
    region: options.region,
    org: options.org,
    listen: options.listen,
    limits: options.limits,
    timeouts: options.timeouts,
    traceRatio: options.traceRatio,
    trusted: toBlockList(options.trustedProxies),
    privacy,
    router,
    upstreams: [...upstreams.values()],
    consumer: compileConsumers(options, compiling.limiter),
    tagsOf: compileTags(options.tags),
    users: 0,
  }
}

function compileUpstream(name: string, options: GatewayOptions, { target }: Compiling): Upstream {
  const upstream = isUrl(name)
    ? upstreamOptions.parse({ targets: [{ url: name }] })
    : (options.upstreams[name] as UpstreamOptions) // the options were checked for it
  const targets = upstream.targets.map(({ url, weight }) => ({ target: target(url, upstream), weight }))
  return new Upstream(name, upstream, targets)
}

interface AddingApi {
  readonly router: Router<Route>
  readonly upstream: Upstream
  readonly options: GatewayOptions
  readonly limiter: Limiter
  readonly privacy: Privacy
  /** Of every API that does not say otherwise. */
  readonly recording: Recording | undefined
}

function addApi(options: ApiOptions, adding: AddingApi): void {
  const { router, upstream, limiter, privacy } = adding
  const { org, limits } = adding.options
  const api: Api = {
    name: options.name,
    version: options.version,
    org: options.org ?? org,
    upstream,
    needsKey: options.auth === 'key',
    key: options.key,
    preserveHost: options.preserveHost,
    strip: options.stripBasePath ? basePathLength(options.basePath) : 0,
    bodyBytes: options.bodyBytes ?? limits.bodyBytes,
    keepsEncodedSlashes: options.encodedSlashes === 'keep',
    keepsParameters: options.pathParameters === 'keep',
  }
  const allow = toAllow(options.allow)
  const recording = toRecording(options.record) ?? adding.recording
  const place = `${options.name} ${options.version} ${options.hosts.join(' ')} ${options.basePath}`
  const rules = options.rateLimit ? [limiter.rule(`api ${place}`, options.rateLimit)] : noRules
  for (const options_ of options.routes) {
    const { path, methods, rateLimit } = options_
    const ofRoute = rateLimit ? [limiter.rule(`route ${place} ${methods.join(' ')} ${path}`, rateLimit)] : rules
    const template = joinPath(options.basePath, path)
    const route = new Route(api, template, options_, {
      allow: options_.allow ? toAllow(options_.allow) : allow,
      rules: ofRoute,
      recording: toRecording(options_.record) ?? recording,
      shownPath: pathShower(template, privacy.isSecretField),
    })
    const parsed = parseTemplate(options.basePath, path)
    for (const host of options.hosts.length > 0 ? options.hosts : ['']) router.add(host, methods, parsed, route)
  }
}

/** In the spelling that requests are matched in; 0 where it is the root. */
function basePathLength(basePath: string): number {
  const path = joinPath('', basePath)
  return path === '/' ? 0 : (normalPath(path) ?? path).length
}

function toAllow(options: AllowOptions | undefined): Allow | undefined {
  if (options === undefined) return undefined
  const { consumers, teams, plans } = options
  return { consumers: new Set(consumers), teams: new Set(teams), plans: new Set(plans) }
}

function compileConsumers(options: GatewayOptions, limiter: Limiter): (name: string) => Consumer {
  const planRules = new Map<string, readonly Rule[]>()
  for (const [plan, { rateLimit }] of Object.entries(options.plans)) {
    if (rateLimit) planRules.set(plan, [limiter.rule(`plan ${plan}`, rateLimit)])
  }
  const consumers = new Map<string, Consumer>()
  for (const [name, { team = name, plan = '', tags, record }] of Object.entries(options.consumers)) {
    const rules = planRules.get(plan) ?? noRules
    consumers.set(name, { name, team, plan, tags, rules, recording: toRecording(record) })
  }
  return (name) => {
    const consumer = consumers.get(name)
    if (consumer) return consumer
    const unlisted: Consumer = { name, team: name, plan: '', tags: {}, rules: noRules, recording: undefined }
    consumers.set(name, unlisted) // keys have as many owners as were created, so this is bounded
    return unlisted
  }
}
