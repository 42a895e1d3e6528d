import { checkRoles } from '../config/config.ts'
import type { Finding } from '../runtime/finding.ts'
import { type Command, exitCodes, type Terminal, textOf } from './command.ts'
import { type Examination, examineAll } from './doctor/examination.ts'
import { configOf, configOption, defaultConfigFile } from './files.ts'
import { wrapped } from './wrap.ts'

export const doctorCommand: Command = {
  summary: 'Examines the machine, the buffer and every sink, and says what to do about what is wrong',
  usage: '',
  options: { config: configOption },
  examples: ['penstock doctor', `penstock doctor | jq -r 'select(.level != "ok") | .subject + ": " + .found'`],
  async run(values, _positionals, terminal) {
    const config = configOf(values, terminal)
    checkRoles(config, config.roles)
    const { roles, buffer, sinks } = config
    const found = `It is right: roles ${roles.join(', ')}; buffer ${buffer.type}; sinks ${Object.keys(sinks).join(', ')}.`
    const what = textOf(values, 'config') ?? defaultConfigFile
    const itself: Examination = {
      subject: 'configuration',
      findings: Promise.resolve([{ level: 'ok', what, found }]),
    }
    const all: Finding[] = []
    for (const { subject, findings } of [itself, ...examineAll(config, terminal.interrupted)]) {
      all.push(...(await findings))
      if (terminal.isTty) show(subject, await findings, terminal)
      else for (const finding of await findings) terminal.out(`${JSON.stringify({ subject, ...finding })}\n`)
    }
    if (terminal.isTty) terminal.out(`${summary(all)}\n`)
    return all.some(({ level }) => level === 'error') ? exitCodes.error : exitCodes.ok
  },
}

const levelWidth = 'warning'.length
const colours = { ok: 32, warning: 33, error: 31 } as const
/** 16: the longest of the names that are not a sink's. */
const whatWidth = 'maxmemory-policy'.length

function show(subject: string, findings: readonly Finding[], { out, columns, env }: Terminal): void {
  if (findings.length === 0) return
  const painted = (text: string, colour: number) => (env.NO_COLOR ? text : `\u001B[${colour}m${text}\u001B[0m`)
  const width = Math.max(whatWidth, ...findings.map(({ what }) => what.length))
  out(`${painted(subject, 1)}\n`)
  for (const finding of findings) {
    const { level, what, found } = finding
    const indent = 2 + levelWidth + 2 + width + 2
    const [first = '', ...rest] = wrapped(found, columns - indent)
    const advice =
      finding.level === 'ok' ? [] : finding.advice.split('\n').flatMap((line) => wrapped(line, columns - indent - 2))
    out(`  ${painted(level.padEnd(levelWidth), colours[level])}  ${what.padEnd(width)}  ${first}\n`)
    for (const line of rest) out(`${' '.repeat(indent)}${line}\n`)
    for (const [i, line] of advice.entries()) out(`${' '.repeat(indent)}${i === 0 ? '→' : ' '} ${line}\n`)
  }
  out('\n')
}

function summary(findings: readonly Finding[]): string {
  const count = (level: Finding['level'], one: string, many: string) => {
    const { length } = findings.filter((finding) => finding.level === level)
    return `${length} ${length === 1 ? one : many}`
  }
  return `${count('error', 'error', 'errors')}, ${count('warning', 'warning', 'warnings')}, ${count('ok', 'thing', 'things')} as they should be.`
}
