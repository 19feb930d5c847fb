import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {type Survey} from './held.js'

/** What is promised about others who write meanwhile. The server has no delete that looks at what it deletes. */
export function guaranteeOf(windowMs: number, isDrop: boolean): string {
  const ms = Math.ceil(windowMs)
  return isDrop
    ? `When it was last compared, ${ms} ms before the server had dropped the collection, every object was in the backup as it was, and so were the schema and the tenants. Lost are only writes that fell into those ${ms} ms: new objects, changes of others, and of the schema and the tenants.`
    : `Only objects were deleted, by id, whose update time was that of the backup at most ${ms} ms before the server had deleted them. Lost are only changes of those very objects that fell into those ${ms} ms; new objects never are.`
}

export function stillChanging(name: string, found: Survey, before: Survey | undefined): DataOpsError {
  const {changed, fresh} = found
  const {count, sample} = fresh
  const what =
    changed ??
    (count > 0
      ? `${count} of its ${found.objects} objects are not in the backup as they are`
      : `it had ${plural(before?.objects ?? 0, 'object')}, and now has ${found.objects}`)
  return new DataOpsError('CONTENT_DIFFERS', `"${name}" still changes (${what}), so it was not dropped.`, {
    details: {objects: sample, total: count},
    hint: 'Stop the programs that write to it and run it again, or delete the objects alone with `keepSchema: true`.',
  })
}
