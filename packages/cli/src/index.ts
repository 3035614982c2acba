/**
 * The package is a command. What a configuration file imports from it will be exported here.
 */
export {};
