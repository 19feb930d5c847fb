/** Aliases of a restored collection: nobody's is taken away unless that is asked for. */
import type {RestoreJob} from './job.js'

/** From here on readers of the alias see the restored collection. What it pointed at before is left as it is. */
export async function switchAlias({connection, target, warn}: RestoreJob, alias: string): Promise<string> {
  const before = (await connection.listAliases()).find((candidate) => candidate.alias === alias)
  if (!before) await connection.createAlias(alias, target)
  else if (before.collection !== target) {
    await connection.updateAlias(alias, target)
    warn({
      code: 'alias-switched',
      details: {alias, collection: target, previous: before.collection},
      message: `The alias "${alias}" pointed at "${before.collection}", which is still there.`,
    })
  }

  return alias
}

/** Those of the backup. Returns the ones that point at the restored collection. */
export async function restoreAliases(job: RestoreJob): Promise<string[]> {
  const {archive, atomicAlias, connection, options} = job
  const aliases = (archive.head.metadata.aliases ?? []).filter((alias) => alias !== atomicAlias)
  if (options.merge || aliases.length === 0) return []
  if (!connection.capabilities.aliases) {
    job.warn({
      code: 'aliases-left-out',
      details: {aliases},
      message: `The server (version ${connection.version}) has no aliases: ${aliases.join(', ')} left out.`,
    })
    return []
  }

  const there = new Map((await connection.listAliases()).map(({alias, collection}) => [alias, collection]))
  const restored: string[] = []
  for (const alias of aliases) if (await restoreAlias(job, alias, there.get(alias))) restored.push(alias)
  return restored
}

async function restoreAlias(
  {connection, options, target, warn}: RestoreJob,
  alias: string,
  points: string | undefined,
): Promise<boolean> {
  if (points === target) return true
  if (points === undefined) {
    if (await connection.getCollection(alias)) {
      warn({
        code: 'alias-taken',
        message: `The alias "${alias}" is now the name of a collection and was left out.`,
      })
      return false
    }

    await connection.createAlias(alias, target)
    return true
  }

  if (options.withAliases) {
    await connection.updateAlias(alias, target)
    return true
  }

  warn({
    code: 'alias-taken',
    details: {alias, collection: points},
    message: `The alias "${alias}" points at "${points}" and was left alone; \`withAliases: true\` points it here.`,
  })
  return false
}
