// `node --require` and `require()` cannot wait for a store: the application would start without its secrets.
throw new Error(
  '@keyfall/auto cannot be required. Start the application with: node --import @keyfall/auto app.js',
);
