// It knows nothing of Keyfall.
const { DB_PASS, GREETING } = process.env;
console.log(`${GREETING} The password has ${DB_PASS.length} characters.`);
