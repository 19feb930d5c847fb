/** Arithmetic with slices. */
import {type Slice} from '../../flow/parallel-reader.js'

/** Slices without what a slice of them has. */
export function without(slices: readonly Slice[], gone: Slice): Slice[] {
  return slices.flatMap((slice) => {
    const isApart =
      slice.tenant !== gone.tenant ||
      (slice.after !== undefined && slice.after >= gone.until) ||
      (gone.after !== undefined && gone.after >= slice.until)
    if (isApart) return [slice]
    const rest: Slice[] = []
    if (gone.after !== undefined && (slice.after === undefined || slice.after < gone.after)) {
      rest.push({...slice, until: gone.after})
    }

    if (gone.until < slice.until) rest.push({...slice, after: gone.until})
    return rest
  })
}
