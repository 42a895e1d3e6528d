import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { bufferMutations } from '../buffer/mutations.ts'
import type { NamedTest } from '../mutation.ts'
import { pumpMutations } from '../pump/mutations.ts'
import { scratchFolder } from '../scratch.ts'

const root = resolve(import.meta.dirname, '../..')
const mutations = [...bufferMutations, ...pumpMutations]

test('every mutation is found by the test that is named for it, which passes without', async (t) => {
  const copy = await copySources(await scratchFolder(t))
  const tests = new Map(mutations.map(({ killedBy }) => [`${killedBy.file}: ${killedBy.name}`, killedBy]))
  for (const [named, killedBy] of tests)
    await t.test(`${named}, as the sources are`, async () => assert.equal(await run(copy, killedBy), 'passed'))

  for (const { says, file, search, replacement, killedBy } of mutations)
    await t.test(says, async (t) => {
      const path = join(copy, file)
      const source = await readFile(path, 'utf8')
      t.after(() => writeFile(path, source))
      assert.equal(source.split(search).length, 2, `this stands once in ${file}: ${search}`)
      await writeFile(
        path,
        source.replace(search, () => replacement),
      )
      assert.equal(await run(copy, killedBy), 'failed')
    })
})

/** Copies all but what is installed, made or git's; packages are those of the original. */
async function copySources(folder: string): Promise<string> {
  const left = new Set(['node_modules', '.git', 'data'].map((name) => join(root, name)))
  await cp(root, folder, { recursive: true, filter: (path) => !left.has(path) })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** Runs one test of a copy; what became of it. */
async function run(cwd: string, { file, name }: NamedTest): Promise<'passed' | 'failed' | 'not found'> {
  const { NODE_TEST_CONTEXT, ...env } = process.env // else Node takes it for a part of this run
  const pattern = name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const args = ['--test', '--test-reporter=tap', '--test-timeout=60000', `--test-name-pattern=${pattern}`, file]
  const report = await new Promise<string>((end) => {
    execFile(process.execPath, args, { cwd, env }, (_, stdout) => end(stdout)) // ends with an error where a test fails
  })
  const line = report.split('\n').find((one) => one.trimStart().replace(/^(?:not )?ok \d+ - /, '') === name)
  if (!line) return 'not found'
  return line.trimStart().startsWith('ok') ? 'passed' : 'failed'
}
