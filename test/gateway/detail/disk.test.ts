import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRecorder } from '../../../buffer/recorder.ts'
import type { Log } from '../../../runtime/log.ts'
import { scratchFolder } from '../../scratch.ts'
import { ask, startGateway, startUpstream } from '../harness.ts'

/** No spelling of these may reach the disk. */
const secrets = ['PlantedKeyXQ91', 'PlantedPasswordXQ92', 'PlantedCookieXQ93', 'PlantedTokenXQ94', 'key-plantedxq']

test('with headers and bodies recorded, no secret reaches the disk or the log', async (t) => {
  const folder = await scratchFolder(t)
  const lines: string[] = []
  const log: Log = (...line) =>
    void lines.push(JSON.stringify(line, (_, value) => (value instanceof Error ? value.stack : value)))
  const recorder = await openRecorder({ local: { dir: folder, maxBytes: 1e9 }, log })
  const upstream = await startUpstream(t, (incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk) => chunks.push(chunk))
    incoming.on('end', () => {
      if (incoming.url?.startsWith('/broken')) return void response.destroy()
      const body = Buffer.concat(chunks).toString()
      response.setHeader('content-type', incoming.headers.accept ?? 'application/json')
      response.setHeader('set-cookie', `sid=${secrets[2]}`)
      response.end(JSON.stringify({ headers: incoming.headers, url: incoming.url, body, token: secrets[3] }))
    })
  })
  const { url, gateway } = await startGateway(
    t,
    {
      record: { headers: true, bodies: true },
      apis: [
        {
          name: 'orders',
          upstream: upstream.url,
          key: { query: 'pass', forward: true },
          routes: [{ path: '/{all*}' }, { path: '/reset/{token}' }],
        },
      ],
    },
    { recorder, log },
  )
  const [key, password, cookie, token, consumerKey = ''] = secrets
  const headers = {
    cookie: `sid=${cookie}; b=1`,
    referer: `http://a.example/?token=${token}#${token}`,
    authorization: `Bearer ${consumerKey}`,
  }
  const bodies = {
    'application/json': JSON.stringify({ user: 'ada', credentials: { password }, note: `Bearer ${token}` }),
    'application/x-www-form-urlencoded': `user=ada&password=${password}&token=${token}`,
    'text/plain': `password: ${password}\nCookie: ${cookie}`,
    'application/octet-stream': `${password}`,
    'application/xml': `<a><password>${password}</password></a>`,
  }
  const paths = [
    '/a',
    `/a?pass=${key}&token=${token}`,
    `/reset/${token}`,
    `/broken/?pass=${consumerKey}`,
    `/a;sid=${token}`,
  ]
  for (const path of paths) {
    for (const [type, body] of Object.entries(bodies)) {
      await ask(url, path, { method: 'POST', headers: { ...headers, 'content-type': type, accept: type }, body })
      await ask(url, path, {
        method: 'POST',
        headers: { cookie: `sid=${cookie}`, 'x-api-key': key ?? '', 'content-type': type },
        body,
      })
    }
  }
  await ask(url, `http://ada:${password}@a.example/`, { headers })
  await gateway[Symbol.asyncDispose]()
  await recorder[Symbol.asyncDispose]()
  assert.ok(recorder.counts.appended > 40)
  for (const { name, parentPath } of (await readdir(folder, { withFileTypes: true, recursive: true })).filter((entry) =>
    entry.isFile(),
  )) {
    const text = (await readFile(join(parentPath, name))).toString('latin1').toLowerCase()
    for (const secret of secrets) assert.ok(!text.includes(secret.toLowerCase()), `${secret} stands in ${name}`)
  }
  for (const secret of secrets) assert.ok(!lines.join('\n').includes(secret), `${secret} stands in the log`)
})
