/** Namespaces of Services. Part of the page. */

/** @param service `namespace/name` */
export function namespaceOfService(service: string): string {
  return service.slice(0, service.indexOf('/'));
}
