/** Operations that read names from memory, so many times that the clock's own cost does not count. */

const repeats = 250;

/**
 * @param {(name: string) => Promise<string>} get
 * @param {Record<string, string>} values - what it must answer
 */
export function asyncReader(get, values) {
  const names = Object.keys(values);
  const length = lengthOf(values);
  return {
    per: repeats * names.length,
    async operation() {
      let sum = 0;
      for (let repeat = 0; repeat < repeats; repeat += 1)
        for (const name of names) sum += (await get(name)).length;
      if (sum !== length * repeats) throw new Error('the values are not right');
    },
  };
}

/**
 * Reads each name by an expression of its own, as a program does, and not by a name that only a loop knows.
 *
 * @param {object} source - what is read, which the expressions call `source`
 * @param {(name: string) => string} expression - such as `source.NAME`
 * @param {Record<string, string>} values - what it must answer
 */
export function syncReader(source, expression, values) {
  const names = Object.keys(values);
  const length = lengthOf(values);
  const terms = names.map((name) => `${expression(name)}.length`);
  const readAll = new Function('source', `return ${terms.join(' + ')};`);
  return {
    per: repeats * names.length,
    operation() {
      let sum = 0;
      for (let repeat = 0; repeat < repeats; repeat += 1) sum += readAll(source);
      if (sum !== length * repeats) throw new Error('the values are not right');
    },
  };
}

const lengthOf = (values) => Object.values(values).join('').length;
