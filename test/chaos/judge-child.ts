/** The judge of a run, in a process that has seen nothing of it. Takes the file of the evidence; prints the verdict as JSON. */
import { readFileSync } from 'node:fs'
import { type Evidence, judge } from './judge.ts'

const [file = ''] = process.argv.slice(2)
const evidence = JSON.parse(readFileSync(file, 'utf8')) as Evidence // as run.ts wrote it
process.stdout.write(`${JSON.stringify(await judge(evidence))}\n`, () => process.exit())
