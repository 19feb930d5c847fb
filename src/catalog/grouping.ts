/** Which backups are counted together when old ones go: those of a collection of a server, or those of a name, of whichever server. */
export const GROUPINGS = ['server,collection', 'collection'] as const
export type Grouping = (typeof GROUPINGS)[number]
export const DEFAULT_GROUPING: Grouping = 'server,collection'
