// what is missing or denied stops the start, and not the first request
export async function register() {
  if (process.env.NEXT_RUNTIME === 'nodejs') await import('./lib/start.js');
}
