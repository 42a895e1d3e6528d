import { createServer } from 'node:http'
import type { Config, Role } from '../../config/config.ts'
import { ConfigError } from '../../runtime/check.ts'
import { type Finding, failure, fine } from '../../runtime/finding.ts'
import { type Listen, startListening, stopListening } from '../../runtime/listen.ts'
import { adminUrl, askReadiness } from '../admin.ts'

interface Place {
  readonly what: string
  readonly listen: Listen
  /** Admin endpoints of the process that listens there. */
  readonly admin: Listen
}

/** Whether each port that the config names is free, or taken by the process of ours that is to have it. */
export async function examineListeners(config: Config, signal: AbortSignal): Promise<readonly Finding[]> {
  return await Promise.all(placesOf(config).map((place) => examine(place, signal)))
}

function placesOf({ roles, gateway, pump, console }: Config): Place[] {
  const of = (role: Role, admin: Listen, listens: Readonly<Record<string, Listen>>): Place[] =>
    roles.includes(role) ? Object.entries(listens).map(([what, listen]) => ({ what, listen, admin })) : []
  const gateways = gateway.listen.map((listen, i): [string, Listen] => [
    i === 0 ? 'gateway' : `gateway ${i + 1}`,
    listen,
  ])
  return [
    ...of('gateway', gateway.admin, { ...Object.fromEntries(gateways), 'gateway admin': gateway.admin }),
    ...of('pump', pump.admin, { 'pump admin': pump.admin }),
    ...of('console', pump.admin, { console }),
  ].filter(({ listen }) => listen.port !== 0)
}

async function examine({ what, listen, admin }: Place, signal: AbortSignal): Promise<Finding> {
  const where = `${listen.host}:${listen.port}`
  try {
    const server = createServer()
    await startListening(server, { host: listen.host, port: listen.port })
    await stopListening(server)
    return fine(what, `${where} is free.`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (await isOurs(admin, signal)) return fine(what, `${where} is taken by Penstock, which runs.`)
    return failure(what, error, 'See with ss -ltnp what listens there.')
  }
}

async function isOurs(admin: Listen, signal: AbortSignal): Promise<boolean> {
  const url = adminUrl(admin)
  return url !== undefined && (await askReadiness(url, signal).then(Boolean, () => false))
}
