import { createSecrets, httpStatusOf } from '@keyfall/core';
import { vaultProvider } from '@keyfall/provider-vault';

// Outside of the handler: warm invocations share it, its cache and its connection. It reads nothing yet.
const secrets = createSecrets({ providers: [vaultProvider({ path: 'example' })] });

export async function handler() {
  try {
    // what is older is read before the answer: Lambda freezes what goes on in the background after it
    const greeting = await secrets.get('GREETING', { maxAge: '5m' });
    return { statusCode: 200, body: JSON.stringify({ characters: greeting.length }) };
  } catch (error) {
    console.error(error);
    return { statusCode: httpStatusOf(error) ?? 500, body: '{}' };
  }
}
