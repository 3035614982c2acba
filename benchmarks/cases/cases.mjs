/** The name of every case, in the order in which they run and of the page. */
export const cases = ['imports', 'run', 'cached', 'reads', 'outage', 'redaction'];
