// Runs before `npm start`, `npm test` and `npm run check`, in any Node from 20 on: hence plain JavaScript without imports of ours.
// Installs what package-lock.json names when node_modules differs, and checks that npm scripts get Node 26. Silent when all is well.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const modules = join(root, 'node_modules')
const mark = join(modules, '.penstock-lock')
const oldestNode = 26

const lock = readFileSync(join(root, 'package-lock.json'))
const hash = createHash('sha256').update(lock).digest('hex')

if (!isInstalled()) install()
checkNode()

function isInstalled() {
  if (existsSync(mark) && readFileSync(mark, 'utf8') === hash) return true
  if (!holdsWhatTheLockNames()) return false
  writeFileSync(mark, hash) // someone ran npm by hand
  return true
}

/** Compares with the list that npm keeps of what it installed. */
function holdsWhatTheLockNames() {
  const list = join(modules, '.package-lock.json')
  if (!existsSync(list)) return false
  const there = JSON.parse(readFileSync(list, 'utf8')).packages
  return Object.entries(JSON.parse(lock.toString()).packages).every(([path, wanted]) => {
    if (path === '') return true
    return there[path] ? there[path].version === wanted.version : wanted.optional === true
  })
}

function install() {
  console.error('Installing dependencies (npm ci); this happens once and takes a minute.')
  const npm = process.env.npm_execpath
  const run = npm ? [process.execPath, npm] : ['npm']
  const env = { ...process.env, npm_config_loglevel: 'error' } // not the level of the npm that runs us, which may be silent
  const { status, stdout, stderr, error } = spawnSync(run[0], [...run.slice(1), 'ci'], {
    cwd: root,
    env,
    encoding: 'utf8',
  })
  const output = `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.split('\n').slice(0, 20) // npm appends its whole manual
  if (status !== 0) stop([...output, 'npm ci failed; its output is above.'].join('\n'))
  writeFileSync(mark, hash)
}

function checkNode() {
  const ours = join(modules, '.bin', 'node')
  const version = existsSync(ours) ? spawnSync(ours, ['--version'], { encoding: 'utf8' }).stdout : process.version
  if (Number.parseInt(version?.slice(1) ?? '', 10) >= oldestNode) return
  stop(
    `Penstock needs Node ${oldestNode}, and npm could not install it: run "npm rebuild node", or install Node ${oldestNode} yourself.`,
  )
}

function stop(line) {
  console.error(line)
  process.exit(1)
}
