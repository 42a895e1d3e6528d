import { type Shown, shownSchema } from './reference.ts'

const head = `# yaml-language-server: $schema=penstock.schema.json
# An example to start from: what most installations set. Copy it to penstock.yaml, then: penstock check penstock.yaml
# Every key with its default follows below, commented out.

gateway:
  upstreams:
    orders:
      targets: [{ url: "http://127.0.0.1:3000" }]
  apis:
    - name: orders
      version: "1"
      basePath: /orders
      upstream: orders
      rateLimit: { requests: 50, per: second }
      routes:
        - { path: /, methods: [GET, POST], useCase: ordering }
        - { path: "/{id}", methods: [GET], useCase: order status, expected: [404] }
  plans:
    gold: { rateLimit: { requests: 500, per: second } }
  consumers:
    acme: { team: partners, plan: gold } # then: penstock keys create --consumer acme

# Gateways and pumps on several machines share a log:
# buffer: { type: redis, url: "\${REDIS_URL}" }

sinks:
  prometheus: { type: prometheus } # on the pump's /metrics
  store: { type: store } # the usage page, the API and the command line read it
  # warehouse: { type: clickhouse, url: "http://127.0.0.1:8123", username: penstock, password: "\${file:/run/secrets/clickhouse}" }

# What is promised; then: penstock alerts generate --out /etc/prometheus/rules
alerts:
  slo: { availability: 99.9, latency: 99, latencySeconds: 1 }
  apis:
    orders: { team: shop, availability: 99.95, latencySeconds: 0.3, requestsPerSecond: 200 }
`

const width = 100

/** A configuration with comments: a part to start from, and every key there is with its default. */
export function toExampleFile(): string {
  const lines = [head.trimEnd(), '', '# Every key', '# ---------']
  section({ lines, known: new Set() }, shownSchema(), 0)
  return `${lines.join('\n')}\n`
}

interface Page {
  readonly lines: string[]
  /** Groups of keys that are listed already: what stands in several places is listed once. */
  readonly known: Set<string>
}

function section(page: Page, shown: Shown, depth: number): void {
  for (const [key, value] of Object.entries(shown.properties ?? {})) {
    const choices = choicesOf(value)
    const named = typeof value.additionalProperties === 'object' ? value.additionalProperties : undefined
    describe(page.lines, value, depth)
    if (choices.length > 0) alternatives(page, key, choices, depth)
    else if (value.properties) nested(page, `${key}:`, value, depth)
    else if (value.items?.properties) nested(page, `${key}: # a list of`, value.items, depth)
    else if (named && (named.properties || choicesOf(named).length > 0)) map(page, key, named, depth)
    else page.lines.push(`#${indent(depth)}${key}: ${presetOf(value)}`.trimEnd())
  }
}

function nested(page: Page, title: string, shown: Shown, depth: number): void {
  const keys = JSON.stringify(shown.properties)
  const isKnown = page.known.has(keys)
  page.known.add(keys)
  page.lines.push(`#${indent(depth)}${title}${isKnown ? ' # as above' : ''}`)
  if (isKnown) return
  section(page, shown, depth + 1)
}

function map(page: Page, key: string, shown: Shown, depth: number): void {
  const choices = choicesOf(shown)
  page.lines.push(`#${indent(depth)}${key}:`)
  if (choices.length > 0) alternatives(page, 'NAME', choices, depth + 1)
  else nested(page, 'NAME:', shown, depth + 1)
}

/** The forms of a value that have keys of their own. */
function choicesOf({ oneOf, anyOf }: Shown): Shown[] {
  return (oneOf ?? anyOf ?? []).filter(({ properties }) => properties)
}

/** Each form that a value may have, one after another. */
function alternatives({ lines, known }: Page, key: string, choices: readonly Shown[], depth: number): void {
  for (const choice of choices) {
    const type = choice.properties?.type?.const
    lines.push('#', `#${indent(depth)}${key}: # ${type === undefined ? 'one form' : `type ${type}`}`)
    section({ lines, known }, choice, depth + 1)
  }
}

function describe(lines: string[], { description }: Shown, depth: number): void {
  if (!description) return
  let line = ''
  for (const word of description.split(' ')) {
    if (line !== '' && line.length + word.length > width - depth * 2) {
      lines.push(`#${indent(depth)}# ${line}`)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  lines.push(`#${indent(depth)}# ${line}`)
}

function presetOf(value: Shown): string {
  if (value.const !== undefined) return String(value.const)
  return value.default === undefined ? '' : JSON.stringify(value.default)
}

function indent(depth: number): string {
  return ' '.repeat(1 + depth * 2)
}
