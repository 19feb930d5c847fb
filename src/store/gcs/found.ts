import type {Bucket, File, FileMetadata, GetFilesOptions} from '@google-cloud/storage'

import type {FoundObject} from '../objects/client.js'

export function foundOf({generation, size, updated}: FileMetadata, key: string): FoundObject {
  return {bytes: Number(size), key, modified: Date.parse(String(updated)) || 0, tag: String(generation)}
}

/** One page of a listing. */
export async function pageOf(
  bucket: Bucket,
  options: GetFilesOptions,
): Promise<{files: File[]; folders: string[]; next?: string}> {
  const answered: unknown = await bucket.getFiles({...options, autoPaginate: false})
  const [files, next, answer] = answered as [File[], null | {pageToken?: string}, {prefixes?: string[]}]
  return {files, folders: answer.prefixes ?? [], next: next?.pageToken}
}
