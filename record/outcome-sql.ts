import { failedOutcomes } from './outcome.ts'

/** `isCounted` and `isFailed` as SQL that ClickHouse and DuckDB share, over columns named `status` and `outcome`. */
export const countedSql = "outcome <> 'client_aborted'"

export const failedSql = `outcome NOT IN ('client_aborted', 'ok') AND (status >= 500 OR outcome IN (${failedOutcomes.map((outcome) => `'${outcome}'`).join(', ')}))`
