/** Version of this package, written into backups. A test compares it with package.json. */
export const TOOL_VERSION = '0.1.0'
