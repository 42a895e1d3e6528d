import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { run } from './run.ts'

function aConfig(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'penstock-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'penstock.yaml')
  writeFileSync(file, `dataDir: ${JSON.stringify(join(folder, 'data'))}\n${text}`)
  return file
}

test('without a command it lists them all', async () => {
  const { code, out } = await run()
  assert.equal(code, 0)
  for (const name of ['start', 'demo', 'check', 'keys', 'usage', 'replay'])
    assert.match(out, new RegExp(`^  ${name} `, 'm'))
})

test('each command has a help page with its options', async () => {
  const { code, out } = await run('usage', '--help')
  assert.equal(code, 0)
  assert.match(out, /--by LIST +Up to four dimensions/)
})

test('a misspelt command or option is answered with what was meant, and exit code 2', async () => {
  const command = await run('usgae')
  assert.deepEqual([command.code, /Did you mean "usage"\?/.test(command.errors)], [2, true])
  const option = await run('usage', '--lats', '1h')
  assert.deepEqual([option.code, /Did you mean "last"\?/.test(option.errors)], [2, true])
})

test('start without a configuration says what to write and exits with 78', async () => {
  const { code, errors } = await run('start', '--config', '/nowhere/penstock.yaml')
  assert.equal(code, 78)
  assert.match(errors, /Copy penstock\.example\.yaml/)
})

test('check names the faults of a file and exits with 78, and says when there is none', async (t) => {
  const wrong = await run('check', aConfig(t, 'gatewy: {}\n'))
  assert.equal(wrong.code, 78)
  assert.match(wrong.errors, /penstock\.yaml:2:1: gatewy: unknown key\. Did you mean "gateway"\?/)
  const right = await run('check', aConfig(t, ''))
  assert.equal(right.code, 0)
})

test('check and start refuse a console that has no store beside it', async (t) => {
  const file = aConfig(t, 'sinks: { lines: { type: file } }\n')
  for (const args of [
    ['check', file],
    ['start', '--config', file],
    ['start', '--config', aConfig(t, ''), '--roles', 'console'],
  ]) {
    const { code, errors } = await run(...args)
    assert.equal(code, 78)
    assert.match(errors, /leave the role console out/)
  }
})

test('replay says what is wrong with its arguments', async () => {
  const wrong = [
    ['/nowhere/access.log', '--target', 'http://127.0.0.1:1'],
    [import.meta.filename, '--target', 'http://127.0.0.1:1/base'],
    [import.meta.filename, '--target', 'http://127.0.0.1:1', '--concurrency', '0.5'],
  ]
  for (const args of wrong) {
    const { code, errors } = await run('replay', 'access-log', ...args)
    assert.equal(code, 2)
    assert.doesNotMatch(errors, /^ +at /m)
  }
})

test('a key is created for a consumer of the configuration, listed without its secret, and revoked', async (t) => {
  const config = aConfig(t, 'gateway: { consumers: { acme: {} } }\n')
  const created = JSON.parse(
    (await run('keys', 'create', '--config', config, '--consumer', 'acme', '--expires', '90d')).out,
  )
  assert.equal(created.consumer, 'acme')
  const listed = await run('keys', 'list', '--config', config)
  assert.equal(JSON.parse(listed.out).id, created.id)
  assert.ok(!listed.out.includes(created.key))
  assert.equal((await run('keys', 'revoke', created.id, '--config', config)).code, 0)
  assert.ok(JSON.parse((await run('keys', 'list', '--config', config)).out).revokedAtMs > 0)
})

test('a key for a consumer that is not there is refused with what was meant', async (t) => {
  const { code, errors } = await run(
    'keys',
    'create',
    '--config',
    aConfig(t, 'gateway: { consumers: { acme: {} } }\n'),
    '--consumer',
    'acmee',
  )
  assert.equal(code, 2)
  assert.match(errors, /no consumer "acmee" in the configuration\. Did you mean "acme"\?/)
})

test('usage says so when no console runs, with exit code 5', async () => {
  const { code, errors } = await run('usage', '--url', 'http://127.0.0.1:1')
  assert.equal(code, 5)
  assert.match(errors, /No console answers at http:\/\/127\.0\.0\.1:1/)
})
