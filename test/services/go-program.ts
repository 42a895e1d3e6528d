import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, command } from './provision.ts'

export interface GoProgram {
  service: string
  version: string
  /** The folder with go.mod, go.sum and the sources. */
  source: string
}

/** Path of the built program. Built when its sources changed, or for the first time. */
export async function goProgram({ service, version, source }: GoProgram): Promise<string> {
  const recipe = (await readdir(source)).sort().map((name) => join(source, name))
  const make = (folder: string) => build(source, join(folder, service))
  return join(await cached({ service, version, recipe, make }), service)
}

async function build(source: string, file: string): Promise<void> {
  const installed = '/usr/local/go/bin/go' // where Go's own archive puts it; often missing in PATH
  const go = existsSync(installed) ? installed : 'go'
  await command(go, ['version']).catch((cause) => {
    throw new Error(
      'Go 1.25 or newer builds the servers of the tests, and there is none. See https://go.dev/doc/install',
      { cause },
    )
  })
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' }
  await command(go, ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', file, '.'], { cwd: source, env })
}
