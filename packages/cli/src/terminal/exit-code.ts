/**
 * The exit codes of every command. Under `run` the program's own exit code is ours.
 */
import type { SecretErrorCode } from '@keyfall/core';

/** Exit code of each kind of failure. */
export const exitCodes: Readonly<Record<SecretErrorCode, number>> = {
  ERR_SECRET_NOT_FOUND: 1,
  ERR_SECRET_CONFLICT: 1,
  ERR_SECRET_CONFIG: 2,
  ERR_SECRET_UNSUPPORTED: 2,
  ERR_SECRET_UNAVAILABLE: 3,
  ERR_SECRET_DENIED: 4,
  ERR_SECRET_UNAUTHENTICATED: 4,
  ERR_SECRET_TLS: 4,
  ERR_SECRET_INVALID: 5,
  ERR_SECRET_ABORTED: 130,
  // EX_SOFTWARE, as below: a provider has a defect, which no change of a setting or a store ends
  ERR_SECRET_PROVIDER: 70,
};

/** A command line that is wrong. */
export const usageExitCode = 2;

/** A defect of Keyfall itself (`EX_SOFTWARE` of sysexits.h). */
export const defectExitCode: number = exitCodes.ERR_SECRET_PROVIDER;

/** Stdout could not be written (`EX_IOERR`), for any reason but a full disk. */
export const outputExitCode = 74;

/** A full disk, whether a store's file, a backup or stdout was written. */
export const fullDiskExitCode: number = exitCodes.ERR_SECRET_UNAVAILABLE;

/** The exit codes of a shell for a command that does not exist, and for one that may not be run. */
export const commandNotFoundExitCode = 127;
/** See {@link commandNotFoundExitCode}. */
export const commandNotExecutableExitCode = 126;
