/** Which counts differ from the committed ones. */

/** A few bytes and a few in a hundred: what another machine's network or processor makes of the same program. */
const tolerated = (bytes) => 4 + bytes * 0.08;

/**
 * @param {object} committed - what `counts.json` holds
 * @param {object} counted - what `measureCounts` returns
 * @returns {string[]} a sentence for each that differs; none where all are the same
 */
export function differences(committed, counted) {
  const found = [];
  for (const kind of ['requests', 'files'])
    for (const what of namesOf(committed[kind], counted[kind])) {
      const [before = [], now = []] = [committed[kind]?.[what], counted[kind][what]];
      const [more, fewer] = [without(now, before), without(before, now)];
      if (more.length + fewer.length > 0)
        found.push(
          `${what}: ${now.length} ${kind}, not ${before.length}.${listed(' New', more)}${listed(' Gone', fewer)}`,
        );
    }
  for (const what of namesOf(committed.allocations, counted.allocations)) {
    const [before = 0, now = 0] = [committed.allocations?.[what], counted.allocations[what]];
    if (Math.abs(now - before) > tolerated(before))
      found.push(`${what}: allocates ${now} bytes, not ${before}.`);
  }
  return found;
}

const namesOf = (...objects) => [
  ...new Set(objects.flatMap((object) => Object.keys(object ?? {}))),
];

/** What `from` holds more often than `others`. */
function without(from, others) {
  const rest = [...others];
  return from.filter((each) => {
    const at = rest.indexOf(each);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

const listed = (label, all) => (all.length > 0 ? `${label}: ${all.join(', ')}.` : '');
