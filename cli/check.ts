import { checkRoles, loadConfig } from '../config/config.ts'
import { type Command, exitCodes, UsageError } from './command.ts'

export const checkCommand: Command = {
  summary: 'Names every fault of a configuration at once',
  usage: 'FILE',
  operands: 1,
  options: {},
  examples: ['penstock check penstock.yaml'],
  async run(_values, [file], { out, env }) {
    if (file === undefined) throw new UsageError('Say which file: penstock check FILE')
    const config = loadConfig(file, { env })
    checkRoles(config, config.roles)
    const { apis } = config.gateway
    out(
      `${file} is right: ${apis.length} ${apis.length === 1 ? 'API' : 'APIs'}; sinks ${Object.keys(config.sinks).join(', ') || 'none'}; buffer ${config.buffer.type}.\n`,
    )
    return exitCodes.ok
  },
}
