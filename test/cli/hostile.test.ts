import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { toTable } from '../../cli/table.ts'
import { run } from './run.ts'

function aFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'penstock-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function aConfig(folder: string): string {
  const file = join(folder, 'penstock.yaml')
  writeFileSync(file, `dataDir: ${JSON.stringify(join(folder, 'data'))}\ngateway: { consumers: { acme: {} } }\n`)
  return file
}

/** A program that is not ours and answers everything with 200. */
async function aStranger(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => response.end('hello\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

test('a word too many is refused by every command, never passed over', async (t) => {
  const config = aConfig(aFolder(t))
  const lines = [
    ['check', config, 'other.yaml'],
    ['keys', 'revoke', 'one', 'two', '--config', config],
    ['sinks', 'retire', 'one', 'two', '--config', config],
    ['usage', 'endpoint'],
    ['tap', 'acme', '--config', config],
    ['top', 'all'],
    ['audit', '1h'],
  ]
  for (const args of lines) {
    const { code, errors } = await run(...args)
    assert.deepEqual([args[0], code], [args[0], 2])
    assert.match(errors, /options only, not|a word too many/)
  }
})

test('a value that begins with a dash is answered in one line that says how to write it', async () => {
  const { code, errors } = await run('tap', '--limit', '-1')
  assert.equal(code, 2)
  assert.equal(
    errors,
    '--limit lacks its value; one that begins with a dash is written --limit=-1. See penstock tap --help.\n',
  )
})

test('usage knows another program from a console', async (t) => {
  const { code, out, errors } = await run('usage', '--url', await aStranger(t))
  assert.deepEqual([code, out], [5, ''])
  assert.match(errors, /^Something else than a console of Penstock answers at http:\S+, with HTTP 200\./)
})

test('commands that look at a log make none where there is none, and say where they looked', async (t) => {
  const folder = aFolder(t)
  const config = aConfig(folder)
  for (const args of [
    ['sinks', 'list'],
    ['dead', 'list'],
    ['buffer', 'inspect'],
    ['tap', '--limit', '1'],
    ['audit', '--from', '1h'],
    ['erase', '--consumer', 'acme'],
  ]) {
    const { code, errors } = await run(...args, '--config', config)
    assert.deepEqual([args[0], code], [args[0], 4])
    assert.match(errors, /There is no log at .*buffer\.db yet/)
  }
  assert.equal(existsSync(join(folder, 'data', 'buffer.db')), false)
})

test('a key expires on days that the calendar has', async (t) => {
  const config = aConfig(aFolder(t))
  for (const text of ['2027-02-31', '1', 'tomorrow', '99999999999999d']) {
    const { code, errors } = await run('keys', 'create', '--consumer', 'acme', '--expires', text, '--config', config)
    assert.deepEqual([text, code], [text, 4])
    assert.match(errors, /^--expires takes a date/)
  }
})

test('folders and addresses of another kind, given where they do not fit, are named without a stack', async (t) => {
  const folder = aFolder(t)
  const config = aConfig(folder)
  for (const args of [
    ['test', '--records', folder, '--config', config],
    ['replay', 'access-log', folder, '--target', 'http://127.0.0.1:1'],
    ['replay', 'access-log', config, '--target', 'ftp://127.0.0.1'],
    ['usage', '--url', 'ftp://127.0.0.1'],
    ['demo', '--data', join(config, 'data')],
  ]) {
    const { code, errors } = await run(...args)
    assert.deepEqual([args.join(' '), code], [args.join(' '), 2])
    assert.doesNotMatch(errors, /^ +at |^Error/m)
  }
})

test('a table stands straight with wide letters, and passes no control characters to the terminal', () => {
  const columns = [{ title: 'consumer' }, { title: 'calls', align: 'right' as const }]
  assert.equal(
    toTable(columns, [
      ['日本語株式会社', '6'],
      ['acme', '12'],
      ['e\u0301vil\u001B[2J\u009B31m', '1'],
    ]),
    'consumer        calls\n日本語株式会社      6\nacme               12\ne\u0301vil\ufffd[2J\ufffd31m        1\n',
  )
})
