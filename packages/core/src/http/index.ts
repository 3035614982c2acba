/**
 * `@keyfall/core/provider/http`: requests for providers over a REST API. It is not part of the main entry, so that a
 * program without such a store loads none of it.
 */
export type {
  HttpClient,
  HttpClientOptions,
  HttpLimits,
  HttpReply,
  HttpRequest,
  HttpStream,
} from './http-client.ts';
export { httpClient } from './http-client.ts';
