/**
 * Whether something thrown is an error, of whatever realm: under Jest the errors of Node are of another realm than the
 * `Error` of the code that catches them, so that `instanceof` does not know them.
 */
export function isError(thrown: unknown): thrown is Error & { readonly code?: unknown } {
  return Object.prototype.toString.call(thrown) === '[object Error]';
}
