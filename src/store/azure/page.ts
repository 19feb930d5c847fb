import type {ContainerClient, ContainerListBlobsOptions} from '@azure/storage-blob'

interface Answer<Item> {
  continuationToken?: string
  segment: {blobItems?: Item[]; blobPrefixes?: Array<{name: string}>}
}

/** One page of a listing, flat or by folders. */
export async function pageOf<Item>(
  container: ContainerClient,
  {after, delimiter, limit, ...options}: ContainerListBlobsOptions & {after?: string; delimiter?: '/'; limit?: number},
): Promise<{folders: string[]; items: Item[]; next?: string}> {
  const page = {continuationToken: after, maxPageSize: limit}
  const pages = delimiter
    ? container.listBlobsByHierarchy(delimiter, options).byPage(page)
    : container.listBlobsFlat(options).byPage(page)
  const {value} = (await pages.next()) as {value?: Answer<Item>}
  const {blobItems: items = [], blobPrefixes = []} = value?.segment ?? {}
  const next = value?.continuationToken
  return {folders: blobPrefixes.map(({name}) => name), items, next: next === '' ? undefined : next}
}
