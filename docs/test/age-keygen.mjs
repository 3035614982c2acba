// age-keygen for those who type the commands of the documents, by the library of age's author: the real
// one comes from Debian, and `npm test` needs npm alone. `-o FILE` makes a key, `-y FILE` tells its
// public part.
import { readFileSync, writeFileSync } from 'node:fs';
import { generateIdentity, identityToRecipient } from 'age-encryption';

const [option, file] = process.argv.slice(2);
if (option === '-o') {
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const created = `# created: ${new Date().toISOString()}\n`;
  writeFileSync(file, `${created}# public key: ${recipient}\n${identity}\n`, { flag: 'wx' });
  console.error(`Public key: ${recipient}`);
} else {
  const [identity] = /AGE-SECRET-KEY-1\w+/.exec(readFileSync(file, 'utf8'));
  console.log(await identityToRecipient(identity));
}
