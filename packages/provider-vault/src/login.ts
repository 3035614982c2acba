/**
 * `@keyfall/provider-vault/login`: how a person logs in, in a browser. A program logs in by one of the methods of the main
 * entry.
 */
export type { BrowserLogin, BrowserLoginOptions } from './browser/browser-login.ts';
export { browserLogin } from './browser/browser-login.ts';
