import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type AccessLogEntry, parseAccessLog, readLines } from '../../sources/access-log.ts'

test('a combined line gives every field', () => {
  const line =
    '83.149.9.216 - frank [17/May/2015:10:05:03 -0130] "GET /a/b.png?x=1 HTTP/1.1" 200 203023 "http://semicomplete.com/" "Mozilla/5.0 (X11)"'
  assert.deepEqual(parseAccessLog(line), {
    host: '83.149.9.216',
    atMs: Date.UTC(2015, 4, 17, 11, 35, 3),
    method: 'GET',
    target: '/a/b.png?x=1',
    status: 200,
    bytes: 203023,
    referer: 'http://semicomplete.com/',
    userAgent: 'Mozilla/5.0 (X11)',
  })
})

test('a dash stands for nothing, and a common line has no referer', () => {
  const entry = parseAccessLog('10.0.0.1 - - [17/May/2015:10:05:03 +0000] "HEAD / HTTP/1.0" 304 -')
  assert.deepEqual([entry?.bytes, entry?.referer, entry?.userAgent], [0, '', ''])
})

test('what is no access log line is said to be none', () => {
  for (const line of ['', 'hello', '10.0.0.1 - - [yesterday] "GET / HTTP/1.1" 200 1 "-" "-"', '{"method":"GET"}']) {
    assert.equal(parseAccessLog(line), undefined)
  }
})

test('all 10,000 lines of a real log are read, also the one that was cut short', async () => {
  const entries: AccessLogEntry[] = []
  for await (const { line } of readLines(join(import.meta.dirname, '../data/apache-access-10000.log.gz'))) {
    const entry = parseAccessLog(line)
    assert.ok(entry, line)
    entries.push(entry)
  }
  assert.equal(entries.length, 10_000)
  assert.equal(entries.filter(({ status }) => status === 404).length, 213)
  assert.equal(new Set(entries.map(({ host }) => host)).size, 1753)
})
