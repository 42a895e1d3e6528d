import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Installation } from '../alerts/alerts.ts'
import { type Format, formats, ruleFiles } from '../alerts/files.ts'
import type { Config } from '../config/config.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { type Command, exitCodes, textOf, UsageError } from './command.ts'
import { configOf, configOption } from './files.ts'

export const alertsCommand: Command = {
  summary: 'Writes alert and recording rules for Prometheus, or alerts for Grafana',
  usage: 'generate [--format prometheus|grafana] [--out DIR]',
  operands: 1,
  options: {
    config: configOption,
    format: { type: 'string', value: 'NAME', doc: 'prometheus or grafana', default: 'prometheus' },
    out: { type: 'string', value: 'DIR', doc: 'Folder for the files; without it they are printed' },
    datasource: {
      type: 'string',
      value: 'UID',
      doc: 'Prometheus data source of Grafana, for its alerts',
      default: 'prometheus',
    },
  },
  examples: [
    'penstock alerts generate --config penstock.yaml --out /etc/prometheus/rules',
    'penstock alerts generate --format grafana --out /etc/grafana/provisioning/alerting',
  ],
  async run(values, [verb], terminal) {
    if (verb !== 'generate')
      throw new UsageError(`penstock alerts takes generate${verb === undefined ? '' : `, not "${verb}"`}.`)
    const format = toFormat(textOf(values, 'format') ?? 'prometheus')
    const datasourceUid = textOf(values, 'datasource') ?? 'prometheus'
    const files = ruleFiles(installationOf(configOf(values, terminal)), { format, datasourceUid })
    const folder = textOf(values, 'out')
    if (folder === undefined) {
      terminal.out(Object.values(files).join('---\n'))
      return exitCodes.ok
    }
    mkdirSync(folder, { recursive: true })
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), text)
      terminal.out(`${join(folder, name)}\n`)
    }
    return exitCodes.ok
  },
}

/** What alerts need to know of a configuration. */
export function installationOf({ alerts, sinks }: Config): Installation {
  const [prometheusSink = 'prometheus'] = Object.keys(sinks).filter((name) => sinks[name]?.type === 'prometheus')
  return { options: alerts, prometheusSink }
}

function toFormat(text: string): Format {
  const format = formats.find((one) => one === text)
  if (!format)
    throw new UsageError(`There is no format "${text}".${didYouMean(text, formats)} Formats are ${formats.join(', ')}.`)
  return format
}
