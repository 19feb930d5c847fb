import type {Access} from '../access.js'

export interface RestRequest {
  access: Access
  /** Decoded JSON; undefined when there was no body. */
  body: unknown
  method: string
  /** From the pattern's `:name` segments. */
  params: Record<string, string>
  query: URLSearchParams
}

export interface RestAnswer {
  /** Text is sent as it is, anything else as JSON. */
  body?: unknown
  headers?: Record<string, string>
  status: number
}

export type Handler = (request: RestRequest) => RestAnswer

interface Route {
  handler: Handler
  method: string
  pattern: string
  segments: string[]
}

export interface Found {
  handler?: Handler
  methods: string[]
  params: Record<string, string>
  pattern: string
}

export class Router {
  private readonly routes: Route[] = []

  /** `pattern` is a path below `/v1` whose segments may be `:name`. */
  on(method: string, pattern: string, handler: Handler): void {
    this.routes.push({handler, method, pattern, segments: pattern.split('/')})
  }

  /** The handler of a path and what its parameters are; without one, the methods that the path has. */
  find(method: string, path: string): Found {
    const segments = path.split('/')
    const methods: string[] = []
    for (const route of this.routes) {
      const params = matchSegments(route.segments, segments)
      if (params && route.method === method) return {handler: route.handler, methods, params, pattern: route.pattern}
      if (params) methods.push(route.method)
    }

    return {methods, params: {}, pattern: ''}
  }
}

function matchSegments(pattern: string[], segments: string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index]!
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(segment)
    else if (part !== segment) return undefined
  }

  return params
}

/** A body that the server's OpenAPI layer refuses before anything else looks at it. */
export class InvalidBody extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message)
  }
}
