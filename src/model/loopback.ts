/** Whether a host of a URL is the machine itself by its name or number: `127.0.0.1.example` is somebody else. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname)
}
