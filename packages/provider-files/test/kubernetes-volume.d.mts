export function writeVolume(volume: string, files: ReadonlyMap<string, string | Uint8Array>): void;
export function versionFiles(version: number): Map<string, string>;
