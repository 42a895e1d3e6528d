import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../config/config.ts'
import { ConfigError } from '../../runtime/check.ts'

/** Writes a configuration into a folder of the test's own. */
function aFile(t: TestContext, text: string, name = 'penstock.yaml'): string {
  const folder = mkdtempSync(join(tmpdir(), 'penstock-config-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

/** The lines of the error that loading gives, without the folder. */
function faultsOf(file: string, env: Record<string, string> = {}): string[] {
  try {
    loadConfig(file, { env })
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message.split('\n').map((line) => line.replace(/^.*\/(?=penstock\.)/, ''))
  }
  assert.fail('The configuration was taken.')
}

test('an empty file is a whole configuration: all roles, the local buffer, prometheus and the store', (t) => {
  const config = loadConfig(aFile(t, ''), { env: {} })
  assert.deepEqual(config.roles, ['gateway', 'pump', 'console'])
  assert.equal(config.buffer.type, 'sqlite')
  assert.deepEqual(
    Object.values(config.sinks).map(({ type }) => type),
    ['prometheus', 'store'],
  )
  for (const { block, startAt } of Object.values(config.sinks)) assert.deepEqual([block, startAt], [{}, 'oldest'])
  assert.equal(config.gateway.listen[0]?.port, 8080)
})

test('a sink may begin at a time, and is told what that looks like where it says something else', (t) => {
  const sink = (startAt: string) => `sinks: { main: { type: file, startAt: "${startAt}" } }\n`
  const config = loadConfig(aFile(t, sink('2026-01-31T08:00:00+01:00')), { env: {} })
  assert.equal(config.sinks.main?.startAt, '2026-01-31T08:00:00+01:00')
  assert.deepEqual(faultsOf(aFile(t, sink('yesterday'))), [
    'penstock.yaml:1:30: sinks.main.startAt: say oldest, now, or a time such as 2026-01-31T08:00:00Z',
  ])
})

test('all faults come at once, each with its line, its path and what was probably meant', (t) => {
  const text = `gateway:
  apis:
    - name: orders
      upstrem: orders
      upstream: "http://127.0.0.1:3000"
      routes:
        - { path: /x, methods: [GET], expectd: [404] }
pump:
  cacheBytes: -1
sinks:
  main: { type: prometheus, maxSerie: 5000 }
`
  assert.deepEqual(faultsOf(aFile(t, text)), [
    'penstock.yaml:4:7: gateway.apis[0].upstrem: unknown key. Did you mean "upstream"?',
    'penstock.yaml:7:39: gateway.apis[0].routes[0].expectd: unknown key. Did you mean "expected"?',
    'penstock.yaml:9:3: pump.cacheBytes: too small: expected number to be >0',
    'penstock.yaml:11:29: sinks.main.maxSerie: unknown key. Did you mean "maxSeries"?',
  ])
})

test('what refers to nothing is named where it stands', (t) => {
  const text = `gateway:
  apis:
    - { name: a, basePath: /a, upstream: nowhere }
  consumers:
    acme: { plan: golden }
`
  const faults = faultsOf(aFile(t, text))
  assert.equal(faults.length, 2)
  assert.match(faults[0] ?? '', /^penstock\.yaml:3:\d+: gateway\.apis\[0\]\.upstream: .*"nowhere"/)
  assert.match(faults[1] ?? '', /^penstock\.yaml:5:\d+: gateway\.consumers\.acme\.plan: .*"golden"/)
})

test('a second sink of a type that a process can run once is refused', (t) => {
  assert.deepEqual(faultsOf(aFile(t, 'sinks:\n  a: { type: store }\n  b: { type: store, dir: /elsewhere }\n')), [
    'penstock.yaml:3:3: sinks.b: there is a sink of type store already, "a"; one process can run one of them',
  ])
})

test('variables and secret files are put in; numbers stay numbers', (t) => {
  const secret = aFile(t, 's3cret-token-of-16\n', 'token')
  const file = aFile(
    t,
    `console: { port: "\${PORT}", token: "\${file:${secret}}" }
gateway: { name: "gw-\${ZONE:-eu}", region: "$\${literal}" }`,
  )
  const config = loadConfig(file, { env: { PORT: '9000' } })
  assert.equal(config.console.port, 9000)
  assert.equal(config.console.token, 's3cret-token-of-16')
  assert.deepEqual([config.gateway.name, config.gateway.region], ['gw-eu', `${'$'}{literal}`])
})

test('a variable of digits is text where text is wanted, also with leading zeros', (t) => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax under test
  const file = aFile(t, 'console: { token: "${TOKEN}", port: "${PORT}" }\ngateway: { name: "${NAME}" }\n')
  const config = loadConfig(file, { env: { TOKEN: '1234567890123456', PORT: '9000', NAME: '007' } })
  assert.deepEqual([config.console.token, config.console.port, config.gateway.name], ['1234567890123456', 9000, '007'])
  const other = loadConfig(file, { env: { TOKEN: 'sixteen-letters-long', PORT: '9000', NAME: '42' } })
  assert.equal(other.gateway.name, '42')
})

test('a variable that is not set and a secret that is not there say so, and show no value', (t) => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax under test
  const faults = faultsOf(aFile(t, 'gateway:\n  name: "${NAME}"\nconsole:\n  token: "${file:/nowhere/token}"\n'))
  assert.match(faults.join('\n'), /2:3: gateway\.name: the environment variable NAME is not set/)
  assert.match(faults.join('\n'), /4:3: console\.token: the secret file \/nowhere\/token cannot be read/)
})

test('what is no YAML is told with its line', (t) => {
  assert.match(faultsOf(aFile(t, 'gateway:\n  apis: [\n'))[0] ?? '', /^penstock\.yaml:\d+:\d+: not valid YAML/)
  assert.match(faultsOf(aFile(t, '{"a":', 'penstock.json'))[0] ?? '', /^penstock\.json: not valid JSON/)
})

test('a file that is not there says what to do', () => {
  assert.throws(
    () => loadConfig('/nowhere/penstock.yaml', { env: {} }),
    /cannot be read .* Name an existing file with --config/,
  )
})

test('the example is right', () => {
  const config = loadConfig(join(import.meta.dirname, '../../penstock.example.yaml'), { env: {} })
  assert.deepEqual(Object.keys(config.gateway.upstreams), ['orders'])
})

test('a hash without a key is refused where it is asked for, and an option of a shape that is misspelt is answered with what was meant', (t) => {
  const text = `sinks:
  main:
    type: prometheus
    shape:
      redact: { consumer: hash }
`
  assert.deepEqual(faultsOf(aFile(t, text)), [
    'penstock.yaml:5:7: sinks.main.shape.redact: hash needs a key in pump.hashKeys: a plain hash of a name or an address is undone by guessing',
  ])
  const config = loadConfig(aFile(t, `pump: { hashKeys: [0123456789abcdef] }\n${text}`), { env: {} })
  assert.deepEqual(config.sinks.main?.shape.redact, { consumer: 'hash' })
  const misspelt = 'sinks:\n  main: { type: prometheus, shape: { filter: { block: [{ consumr: x }] } } }\n'
  assert.match(
    String(faultsOf(aFile(t, misspelt))),
    /filter\.block\[0\]\.consumr: unknown key\. Did you mean "consumer"\?/,
  )
})
