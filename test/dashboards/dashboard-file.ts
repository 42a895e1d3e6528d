import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../dashboards/json')

/** What the verifier reads of a dashboard, as Grafana would load it. */
export interface DashboardFile {
  readonly uid: string
  readonly title: string
  readonly panels: readonly PanelFile[]
  readonly templating: { readonly list: readonly VariableFile[] }
  readonly annotations: { readonly list: readonly AnnotationFile[] }
  readonly links: readonly {
    readonly includeVars: boolean
    readonly keepTime: boolean
    readonly tags: readonly string[]
  }[]
  readonly tags: readonly string[]
}

export interface PanelFile {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly interval?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly TargetFile[]
  readonly options?: { readonly legend?: { readonly showLegend?: boolean; readonly show?: boolean } }
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string
      readonly noValue?: string
      readonly mappings?: readonly unknown[]
      readonly links?: readonly LinkFile[]
    }
    readonly overrides: readonly {
      readonly matcher: { readonly options: string }
      readonly properties: readonly { readonly id: string; readonly value: unknown }[]
    }[]
  }
  readonly transformations?: readonly { readonly id: string; readonly options: Readonly<Record<string, unknown>> }[]
}

export interface TargetFile {
  readonly refId: string
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly expr?: string
  readonly rawSql?: string
  readonly legendFormat?: string
  readonly format?: string | number
  readonly instant?: boolean
  readonly exemplar?: boolean
  readonly interval?: string
}

export interface VariableFile {
  readonly name: string
  readonly type: string
  readonly query?: string | { readonly query: string }
  readonly allValue?: string
  readonly includeAll?: boolean
  readonly current?: { readonly value: string | readonly string[] }
}

export interface AnnotationFile {
  readonly name: string
  readonly expr?: string
  readonly step?: string
  readonly titleFormat?: string
  readonly textFormat?: string
}

export interface LinkFile {
  readonly title: string
  readonly url: string
}

/** Every dashboard that is shipped. */
export function dashboardFiles(): DashboardFile[] {
  return globSync('*.json', { cwd: folder })
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as DashboardFile) // as dashboards/ wrote it
}

/** Those whose panels ask a data source of this type. */
export function dashboardsOver(type: string): DashboardFile[] {
  return dashboardFiles().filter(({ panels }) => panels.some(({ targets }) => targets?.[0]?.datasource.type === type))
}
