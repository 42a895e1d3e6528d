import { copyFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { command, installed } from './provision.ts'
import { openServer, type Server } from './server.ts'

export interface AlertmanagerServer extends Server {
  readonly url: string
  /** What it knows now, inhibited ones too. */
  alerts(): Promise<readonly KnownAlert[]>
}

export interface KnownAlert {
  readonly fingerprint: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly status: { readonly state: 'active' | 'suppressed' | 'unprocessed'; readonly inhibitedBy: readonly string[] }
}

export interface AlertmanagerOptions {
  /** alertmanager.yml as an object. */
  readonly config: object
  /** Message templates that it names; copied beside it. */
  readonly templates?: readonly string[]
}

const debianPackage = {
  name: 'prometheus-alertmanager',
  files: ['/usr/bin/prometheus-alertmanager', '/usr/bin/amtool'],
}

/** Runs Debian's amtool to its end; gives what it printed. Throws what it says is wrong. */
export async function amtool(...args: readonly string[]): Promise<string> {
  await installed(debianPackage)
  return await command('/usr/bin/amtool', args)
}

/** Starts Debian's Alertmanager, alone in its cluster. */
export async function openAlertmanager({ config, templates = [] }: AlertmanagerOptions): Promise<AlertmanagerServer> {
  await installed(debianPackage)
  const server = await openServer({
    name: 'alertmanager',
    async command({ port, folder }) {
      const file = join(folder, 'alertmanager.yml')
      await writeFile(file, JSON.stringify(config)) // JSON is YAML
      for (const template of templates) await copyFile(template, join(folder, basename(template)))
      const storage = `--storage.path=${join(folder, 'data')}`
      const listen = [`--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address=']
      return { file: '/usr/bin/prometheus-alertmanager', args: [`--config.file=${file}`, storage, ...listen] }
    },
    isReady: async ({ port }) => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok,
  })
  const url = `http://127.0.0.1:${server.port}`
  return {
    ...server,
    url,
    alerts: async () => (await (await fetch(`${url}/api/v2/alerts`)).json()) as KnownAlert[],
  }
}
