// What a newcomer does: every block of the quick start in an empty folder, as it stands there, in one terminal.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const path = 'docs/quick-start.md';
const page = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const limit = 120;

/** The blocks, with what their info string says: `file` is what the reader writes, `server` what another terminal runs. */
const blocks = [...page.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(
  ([, language, info, text]) => ({ language, info, text, file: /file=(\S+)/.exec(info)?.[1] }),
);

export const quickStart = {
  'quick start'(place, vault) {
    const { folder, run } = place('quick-start');
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const toReal = (text) =>
      text
        .replaceAll('http://127.0.0.1:8200', vault.address)
        .replaceAll('dev-only-token', vault.token);
    const outputOf = (index) => join(folder, `output-${index}`);
    const typed = blocks.flatMap(({ language, info, text, file }, index) => {
      if (file !== undefined) return `cat > ${file} <<'END OF THE FILE'\n${text}END OF THE FILE`;
      if (!/^(?:ba)?sh$/.test(language) || info === 'server') return [];
      return `{ ${toReal(text)}} > '${outputOf(index)}' 2>&1`;
    });
    const started = performance.now();
    const script = [
      'set -eu -o pipefail',
      `cd '${empty}'`,
      'unset VAULT_ADDR VAULT_TOKEN VAULT_SECRET_PATH',
      ...typed,
    ];
    try {
      run('bash', '--noprofile', '--norc', '-c', script.join('\n'));
    } catch (error) {
      const last = blocks.findLastIndex((_, index) => existsSync(outputOf(index)));
      throw new Error(`${error.message}\n${readFileSync(outputOf(last), 'utf8')}`);
    }
    const seconds = (performance.now() - started) / 1_000;
    let shown = 0;
    for (const [index, { language, text }] of blocks.entries()) {
      if (language !== 'text') continue;
      assert.equal(readFileSync(outputOf(index - 1), 'utf8'), toReal(text));
      shown += 1;
    }
    assert.ok(shown > 0, `${path} shows no output`);
    assert.ok(seconds < limit, `${path} took ${Math.round(seconds)} s of ${limit}`);
    return `${path} from nothing in ${Math.round(seconds)} s`;
  },
};
