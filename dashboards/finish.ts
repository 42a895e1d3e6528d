import {
  type AnnotationQuery,
  type Dashboard,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkType,
  type Panel,
  type RowPanel,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { annotations } from './annotation.ts'
import type { DraftPanel } from './panel.ts'
import { type PlaceName, places } from './place.ts'
import { datasources } from './query.ts'
import { variablesOf } from './variable.ts'

export interface Row {
  readonly title: string
  readonly panels: readonly DraftPanel[]
}

export interface DashboardSpec {
  readonly place: PlaceName
  readonly description: string
  readonly rows: readonly Row[]
  /** What is shown at first, such as `now-6h`. */
  readonly from: string
  readonly refresh: string
}

const columns = 24
/** Known to Grafana from 8 on; newer ones bring it up to date as they load it. */
const schemaVersion = 39

/** A dashboard as Grafana's classic JSON: panels placed, with ids and refIds that stay the same. */
export function finish({ place, description, rows, from, refresh }: DashboardSpec): Dashboard {
  const { uid, title } = places[place]
  const isClickHouse = (places[place].variables as readonly string[]).includes('clickhouse')
  return {
    uid,
    title,
    description,
    tags: ['penstock'],
    timezone: 'browser',
    editable: true,
    graphTooltip: DashboardCursorSync.Crosshair,
    time: { from, to: 'now' },
    timepicker: {},
    fiscalYearStartMonth: 0,
    refresh,
    schemaVersion,
    panels: placed(rows, isClickHouse ? datasources.clickhouse : datasources.prometheus),
    templating: { list: variablesOf(place) },
    annotations: { list: [ownAnnotations, ...(isClickHouse ? [] : annotations)] },
    links: [toOthers],
  }
}

/** Grafana's own: what people marked by hand. */
const ownAnnotations: AnnotationQuery = {
  builtIn: 1,
  datasource: { type: 'grafana', uid: '-- Grafana --' },
  enable: true,
  hide: true,
  iconColor: 'rgba(0, 211, 255, 1)',
  name: 'Annotations & Alerts',
  type: 'dashboard',
}

const toOthers: DashboardLink = {
  title: 'Penstock',
  type: DashboardLinkType.Dashboards,
  icon: 'external link',
  tooltip: '',
  tags: ['penstock'],
  asDropdown: false,
  targetBlank: false,
  includeVars: true,
  keepTime: true,
}

type Datasource = (typeof datasources)[keyof typeof datasources]

function placed(rows: readonly Row[], datasource: Datasource): (Panel | RowPanel)[] {
  const panels: (Panel | RowPanel)[] = []
  const ids = new Map<number, string>()
  const idFor = (title: string) => {
    const id = idOf(title)
    if (ids.has(id)) throw new TypeError(`"${title}" and "${ids.get(id)}" have the same id: a title is there once.`)
    ids.set(id, title)
    return id
  }
  let top = 0
  for (const { title, panels: drafts } of rows) {
    panels.push({
      type: 'row',
      id: idFor(`Row: ${title}`),
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y: top, w: columns, h: 1 },
    })
    top++
    let left = 0
    let lineHeight = 0
    for (const { panel, targets, width, height } of drafts) {
      if (left + width > columns) {
        top += lineHeight
        left = 0
        lineHeight = 0
      }
      const gridPos = { x: left, y: top, w: width, h: height }
      const { type, title: panelTitle = '', ...rest } = panel
      panels.push({
        id: idFor(panelTitle),
        type,
        title: panelTitle,
        ...rest,
        datasource,
        gridPos,
        targets: targets.map(withRefId) as never,
      }) // the SDK's type has a method that only marks it
      left += width
      lineHeight = Math.max(lineHeight, height)
    }
    top += lineHeight
  }
  return panels
}

function withRefId(target: object, i: number): object {
  return { refId: String.fromCharCode(65 + i), ...target }
}

/** Made of the title (FNV-1a), so that a panel keeps its id, and links to it hold, when others come and go. At least 1: Grafana finds no panel 0. */
function idOf(title: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(title)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return 1 + (hash % 1_000_000)
}
