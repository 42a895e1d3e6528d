import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { examineFolder, type FileSystem } from '../../runtime/examine-folder.ts'
import { scratchFolder } from '../scratch.ts'

const ext4 = 0xef53
const aDisk = (freeBytes: number, type = ext4) => ({
  statfs: async (): Promise<FileSystem> => ({ type, bsize: 1, bavail: freeBytes }),
})
const needs = { growthBytes: 1000, reserveBytes: 100, limit: 'maxBytes', holds: 'database' } as const
const levels = async (...args: Parameters<typeof examineFolder>) =>
  (await examineFolder(...args)).map(({ what, level }) => `${what} ${level}`)

test('a folder with room on a disk of this machine is fine, also before it is made', async (t) => {
  const folder = await scratchFolder(t)
  assert.deepEqual(await levels(folder, { ...needs, ...aDisk(5000) }), ['folder ok', 'disk ok'])
  const deep = join(folder, 'a', 'b')
  const [finding] = await examineFolder(deep, { ...needs, ...aDisk(5000) })
  assert.equal(finding?.found, `${deep} will be made.`)
})

test('a disk with less than may come is a warning, and one without the reserve an error', async (t) => {
  const folder = await scratchFolder(t)
  assert.deepEqual(await levels(folder, { ...needs, ...aDisk(999) }), ['folder ok', 'disk warning'])
  assert.deepEqual(await levels(folder, { ...needs, ...aDisk(99) }), ['folder ok', 'disk error'])
})

test('memory, networks and the layer of a container are not taken for a disk', async (t) => {
  const folder = await scratchFolder(t)
  const on = async (type: number, holds: 'database' | 'files' = 'database') =>
    (await levels(folder, { ...needs, holds, ...aDisk(5000, type) })).at(-1)
  assert.equal(await on(0x01021994), 'file system warning', 'tmpfs')
  assert.equal(await on(0x6969), 'file system error', 'NFS')
  assert.equal(await on(0x6969, 'files'), 'disk ok', 'files may lie on NFS')
  assert.equal(await on(0xff534d42 | 0), 'file system error', 'CIFS, as a number with a sign')
  assert.equal(await on(0x794c7630), 'file system warning', 'overlay')
})

test('a file in the place of the folder is an error', async (t) => {
  const file = join(await scratchFolder(t), 'data')
  writeFileSync(file, '')
  assert.deepEqual(await levels(join(file, 'deeper'), { ...needs, ...aDisk(5000) }), ['folder error', 'disk ok'])
})

test('a folder that anybody may change is a warning', async (t) => {
  const folder = await scratchFolder(t)
  chmodSync(folder, 0o777)
  assert.deepEqual(await levels(folder, { ...needs, ...aDisk(5000) }), ['folder warning', 'disk ok'])
})

test('a folder or a file of another user is an error that says whose it must be', async (t) => {
  const folder = await scratchFolder(t)
  const file = join(folder, 'buffer.db')
  writeFileSync(file, '')
  chmodSync(file, 0o444)
  chmodSync(folder, 0o755)
  const mine = process.getuid?.() !== 0
  if (mine) chmodSync(folder, 0o555)
  const script = `
    const { examineFolder } = await import(${JSON.stringify(import.meta.resolve('../../runtime/examine-folder.ts'))})
    const needs = { ...${JSON.stringify(needs)}, files: ['buffer.db'] }
    console.log(JSON.stringify((await examineFolder(${JSON.stringify(folder)}, needs))[0]))`
  const nobody = mine ? {} : { uid: 65_534, gid: 65_534 } // root may write everywhere
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { ...nobody, encoding: 'utf8' })
  chmodSync(folder, 0o755)
  const { level, found, advice } = JSON.parse(child.stdout)
  assert.equal(level, 'error')
  assert.match(found, /cannot be written to by \S+ \(EACCES\)\.$/)
  assert.match(advice, /chown/)
})
