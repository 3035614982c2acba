/**
 * What the shell is told. One table for every command; under `run` the child's own code is ours.
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

/** A command line that cannot be understood. */
export const usageExitCode = 2;

/** A defect of Keyfall itself (`EX_SOFTWARE` of sysexits.h), as one of a provider. */
export const defectExitCode: number = exitCodes.ERR_SECRET_PROVIDER;

/** Data that could not be written to stdout (`EX_IOERR`), for any other reason than a full disk. */
export const outputExitCode = 74;

/** A full disk, whatever was to be written: a file of a store, a backup, or stdout. */
export const fullDiskExitCode: number = exitCodes.ERR_SECRET_UNAVAILABLE;

/** What a shell answers when it finds no such command, and when it may not run what it found. */
export const commandNotFoundExitCode = 127;
/** See {@link commandNotFoundExitCode}. */
export const commandNotExecutableExitCode = 126;
