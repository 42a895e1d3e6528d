const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

interface RuleFile {
  readonly groups: readonly { readonly interval: string; readonly rules: readonly { expr: string; for?: string }[] }[]
}

/** Rules in which every window, offset, wait and interval is so many times shorter; nothing else of them changes. */
export function timesFaster(file: RuleFile, times: number): RuleFile {
  const shorter = (duration: string) => `${Math.max(1, Math.round(msOf(duration) / times))}ms`
  const expr = (text: string) =>
    text
      .replace(
        /\[([\dsmhdw]+)(?::([\dsmhdw]+))?\]/g,
        (_, window, step) => `[${shorter(window)}${step ? `:${shorter(step)}` : ''}]`,
      )
      .replace(/offset ([\dsmhdw]+)/g, (_, offset) => `offset ${shorter(offset)}`)
  return {
    groups: file.groups.map((group) => ({
      ...group,
      interval: shorter(group.interval),
      rules: group.rules.map((rule) => ({
        ...rule,
        expr: expr(rule.expr),
        ...(rule.for ? { for: shorter(rule.for) } : {}),
      })),
    })),
  }
}

function msOf(duration: string): number {
  let ms = 0
  for (const [, count, unit] of duration.matchAll(/(\d+)(ms|[smhdw])/g))
    ms += Number(count) * unitMs[unit as keyof typeof unitMs] // by the pattern
  return ms
}
