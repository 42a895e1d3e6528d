import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer as drain } from 'node:stream/consumers'
import { test } from 'node:test'
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { openClickHouse } from './clickhouse.ts'
import { clickhouseUrl, type TestLike } from './shared.ts'

const connect = (url: string) =>
  createClient({
    url,
    compression: { request: true, response: true },
    log: { level: ClickHouseLogLevel.OFF }, // it would print what it throws
  })

async function withThings(t: TestLike): Promise<ClickHouseClient> {
  const client = connect(await clickhouseUrl(t))
  const settings = 'non_replicated_deduplication_window = 100'
  await client.command({
    query: `CREATE TABLE things (id UInt64, name String) ENGINE = MergeTree ORDER BY id SETTINGS ${settings}`,
  })
  return client
}

async function rows(client: ClickHouseClient, query: string, query_params: Record<string, unknown> = {}) {
  return await (await client.query({ query, query_params, format: 'JSONEachRow' })).json()
}

test('rows come back as they were inserted, also the largest integers', async (t) => {
  await using client = await withThings(t)
  const values = [
    { id: '1', name: "it's; a\ttab\\ 猫" },
    { id: '18446744073709551615', name: '' },
  ]
  const { summary } = await client.insert({ table: 'things', values, format: 'JSONEachRow' })
  assert.equal(summary?.written_rows, '2')
  assert.deepEqual(await rows(client, 'SELECT * FROM things ORDER BY id'), values)
})

test('binary rows arrive whole, also where their bytes read as a blank line', async (t) => {
  await using client = await withThings(t)
  const row = Buffer.alloc(8 + 1 + 3)
  row.writeBigUInt64LE(0x0a0a0an)
  row.write('\u0003\n\na', 8)
  const { stream } = await client.exec({
    query: 'INSERT INTO things (id, name) FORMAT RowBinary',
    values: Readable.from([row]),
  })
  await drain(stream)
  assert.deepEqual(await rows(client, 'SELECT * FROM things'), [{ id: `${0x0a0a0a}`, name: '\n\na' }])
})

test('a token that comes again stores nothing', async (t) => {
  await using client = await withThings(t)
  const block = { table: 'things', values: [{ id: 1, name: 'a' }], format: 'JSONEachRow' } as const
  for (const insert_deduplication_token of ['first', 'first', 'second']) {
    await client.insert({ ...block, clickhouse_settings: { insert_deduplication_token } })
  }
  assert.deepEqual(await rows(client, 'SELECT count() AS n FROM things'), [{ n: '2' }])
})

for (const use_multipart_params of [false, true]) {
  test(`parameters arrive unchanged ${use_multipart_params ? 'in a form' : 'in the address'}`, async (t) => {
    await using client = connect(await clickhouseUrl(t))
    const query_params = { text: "it's; a\ttab\\ 猫", list: ["it's", 'b\\', '\n'] }
    const query = 'SELECT {text:String} AS text, {list:Array(String)} AS list'
    const result = await client.query({ query, query_params, use_multipart_params, format: 'JSONEachRow' })
    assert.deepEqual(await result.json(), [query_params])
  })
}

test('RowBinary is inserted byte by byte', async (t) => {
  await using client = await withThings(t)
  const url = new URL(await clickhouseUrl(t))
  const body = Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 10, 255])
  const { database } = (await rows(client, 'SELECT currentDatabase() AS database'))[0] as { database: string }
  url.search = new URLSearchParams({ query: `INSERT INTO ${database}.things FORMAT RowBinary` }).toString()
  url.pathname = '/'
  assert.equal((await fetch(url, { method: 'POST', body })).status, 200)
  assert.deepEqual(await rows(client, 'SELECT id, hex(name) AS name FROM things'), [{ id: '7', name: '000AFF' }])
})

test('a large result is streamed, and others are served meanwhile', async (t) => {
  await using client = connect(await clickhouseUrl(t))
  const result = await client.query({ query: 'SELECT number FROM numbers(500000)', format: 'JSONEachRow' })
  let count = 0
  for await (const chunk of result.stream()) {
    if (count === 0) assert.deepEqual(await rows(client, 'SELECT 1 AS a'), [{ a: 1 }])
    count += chunk.length
  }
  assert.equal(count, 500_000)
})

test('an error in the middle of a result reaches the client', async (t) => {
  await using client = connect(await clickhouseUrl(t))
  const query = 'SELECT throwIf(number = 300000) FROM numbers(500000) SETTINGS max_block_size = 1000'
  const result = await client.query({ query, format: 'JSONEachRow' })
  await assert.rejects(result.json(), isError('395'))
})

const isError = (code: string) => (error: unknown) => error instanceof ClickHouseError && error.code === code

const refused = {
  'SELECT nothing': '47', // UNKNOWN_IDENTIFIER
  'SELECT * FROM nowhere': '60', // UNKNOWN_TABLE
  'SELECT 1; SELECT 2': '62', // SYNTAX_ERROR
  'SELECT 1 SETTINGS nonsense = 1': '115', // UNKNOWN_SETTING
}
for (const [query, code] of Object.entries(refused)) {
  test(`"${query}" is refused with code ${code}`, async (t) => {
    await using client = connect(await clickhouseUrl(t))
    await assert.rejects(client.query({ query, format: 'JSONEachRow' }), isError(code))
  })
}

test('a row that does not fit is refused with its code, and nothing is stored', async (t) => {
  await using client = await withThings(t)
  const values = [{ id: 1 }, { id: 'one' }]
  await assert.rejects(client.insert({ table: 'things', values, format: 'JSONEachRow' }), isError('27'))
  assert.deepEqual(await rows(client, 'SELECT * FROM things'), [])
})

test('a wrong password is refused, a right one is not', async () => {
  await using server = await openClickHouse({ user: 'alice', password: 'p&ss word' })
  await using client = connect(server.url)
  assert.deepEqual(await rows(client, 'SELECT 1 AS a'), [{ a: 1 }])
  await using stranger = connect(server.url.replace('word', 'world'))
  await assert.rejects(rows(stranger, 'SELECT 1'), isError('516'))
})
