import { secrets } from '../lib/secrets.js';
import { Shown } from './shown.js';

// with each request, and not once by `next build`
export const dynamic = 'force-dynamic';

export default async function Page() {
  const greeting = await secrets.get('GREETING');
  return <Shown characters={greeting.length} />;
}
