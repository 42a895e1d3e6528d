import { existsSync } from 'node:fs'
import { type Finding, fine, warning } from '../../runtime/finding.ts'

/** 4096: a gateway has a connection for each client and some for each upstream. */
const enoughFiles = 4096
/** Made by systemd-timesyncd once it has set the clock. */
const synchronized = '/run/systemd/timesync/synchronized'

/** What this machine gives a process of ours. */
export function examineMachine(): readonly Finding[] {
  return [examineClock(), examineOpenFiles()]
}

/** A process cannot ask the kernel whether NTP holds the clock: where no file says so, servers' clocks are what there is to compare with. */
function examineClock(): Finding {
  const time = new Date().toISOString()
  if (existsSync(synchronized)) return fine('clock', `It is ${time}, as systemd-timesyncd has set it by NTP.`)
  return fine('clock', `It is ${time}; whether NTP sets it cannot be told here. Servers’ clocks are compared below.`)
}

function examineOpenFiles(): Finding {
  const limit = openFileLimit()
  if (limit === undefined) return fine('open files', 'This system tells no limit.')
  const text = `A process started here may have ${limit.toLocaleString('en')} files and connections open`
  if (limit >= enoughFiles) return fine('open files', `${text}.`)
  return warning('open files', `${text}: a busy gateway needs more.`, 'Raise it with ulimit -n or LimitNOFILE=.')
}

interface Limits {
  readonly userLimits?: { readonly open_files?: { readonly hard: number | string } }
}

/** The hard limit, which Node takes for itself at its start; undefined where there is none. */
function openFileLimit(): number | undefined {
  const report: unknown = process.report.getReport()
  const hard = (report as Limits).userLimits?.open_files?.hard // as Node documents the report
  return typeof hard === 'number' ? hard : undefined
}
