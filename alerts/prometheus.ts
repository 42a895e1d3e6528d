import { stringify } from 'yaml'
import type { RuleGroup } from './rule.ts'

const head = '# Made by `penstock alerts generate`; changes are lost at the next run.\n'

/** A rule file of Prometheus. */
export function toRuleFile(groups: readonly RuleGroup[]): string {
  return head + stringify({ groups }, { lineWidth: 0, aliasDuplicateObjects: false })
}
