/** Fills a server over REST, as anyone would. */

export interface Filler {
  count: (name: string) => Promise<number>
  request: (method: string, path: string, body?: unknown) => Promise<unknown>
}

export function filler(url: string, apiKey?: string): Filler {
  const request = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${url}/v1/${path}`, {
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: {'content-type': 'application/json', ...(apiKey && {authorization: `Bearer ${apiKey}`})},
      method,
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  }

  return {
    async count(name) {
      const {objects} = (await request('GET', `objects?class=${name}&limit=10000`)) as {objects: unknown[]}
      return objects.length
    },
    request,
  }
}

export function objectId(index: number): string {
  return `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`
}

/** A collection of that many objects, with an 8-dimensional vector each. `settings`: more of its schema. */
export async function fill(
  server: Filler,
  name: string,
  objects: number,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await server.request('POST', 'schema', {
    class: name,
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: ['int'], name: 'rank'},
    ],
    vectorizer: 'none',
    ...settings,
  })
  for (let from = 0; from < objects; from += 500) {
    const batch = Array.from({length: Math.min(500, objects - from)}, (_, offset) => {
      const index = from + offset
      return {
        class: name,
        id: objectId(index),
        properties: {rank: index, title: `Title ${index}`},
        vector: Array.from({length: 8}, (_unused, component) => Math.fround(index * 0.1 + component)),
      }
    })
    await server.request('POST', 'batch/objects', {objects: batch})
  }
}
