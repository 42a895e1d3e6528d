import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { fieldNames } from '../../record/fields.ts'
import { aRecord } from '../../record/sample.ts'
import file from '../../sinks/file/file.ts'
import { aBlock, nextBlock } from './delivery.ts'
import { openFiles } from './file-delivery.ts'

test('CSV has one header for each file', async (t) => {
  const { delivery, text } = await openFiles(t, { format: 'csv', fields: ['method', 'status', 'path'] })
  const first = aBlock([aRecord({ path: '/a,"b"\r\n' })])
  await delivery.deliver(first)
  await delivery.restart()
  await delivery.deliver(nextBlock(first, [aRecord({ method: 'POST', status: 201, path: '' })]))
  assert.equal(await text(), 'method,status,path\r\nGET,200,"/a,""b""\r\n"\r\nPOST,201,\r\n')
})

test('CSV can be made safe for spreadsheets, and else says what came', async (t) => {
  const evil = ['=cmd|calc', '+1', '-', '@SUM(A1)', '\t=1', '＝1', 'plain']
  const fieldsOfText = { format: 'csv', fields: ['userAgent', 'status'] }
  const guarded = await openFiles(t, { ...fieldsOfText, guardFormulas: true })
  await guarded.delivery.deliver(aBlock(evil.map((userAgent) => aRecord({ userAgent }))))
  const lines = (await guarded.text()).split('\r\n')
  assert.deepEqual(
    lines.slice(1, -1),
    evil.map((text) => (text === 'plain' ? 'plain,200' : `'${text},200`)),
  )
  const plain = await openFiles(t, fieldsOfText)
  await plain.delivery.deliver(aBlock([aRecord({ userAgent: '=1' })]))
  assert.match(await plain.text(), /^=1,200\r$/m)
})

test('JSON lines hold the chosen fields in their order, or all', async (t) => {
  const chosen = await openFiles(t, { fields: ['status', 'id'] })
  const record = aRecord()
  await chosen.delivery.deliver(aBlock([record]))
  assert.equal(await chosen.text(), `{"status":200,"id":"${record.id}"}\n`)
  const all = await openFiles(t)
  await all.delivery.deliver(aBlock([record]))
  assert.deepEqual(Object.keys(JSON.parse(await all.text())), fieldNames)
})

test('a misspelt field is refused with the one that was meant', () => {
  const { error } = file.options.safeParse({ fields: ['statsu'] })
  assert.match(z.prettifyError(error!), /no field "statsu"\. Did you mean "status"\?/) // without an error the match would fail
})
