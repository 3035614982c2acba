/**
 * A library of Windows that stands in for one that Wine lacks: each of its functions is one that Wine has elsewhere.
 */

/** Where the content of its one section is: in memory, and in the file. */
const address = 0x1000;
const place = 0x200;

/**
 * A library for 64-bit Windows, without code: it has a function that is the one of another library.
 *
 * @param name - the name of the file, such as `bcryptprimitives.dll`
 * @param exported - the function that it has
 * @param target - the one behind it, with the library and function behind that, such as `advapi32.SystemFunction036`
 * @see https://learn.microsoft.com/windows/win32/debug/pe-format
 */
export function forwardingDll(name: string, exported: string, target: string): Buffer {
  const content = Buffer.alloc(0x200);
  // the table of exports; then those of the functions, their names and their numbers, with one entry each
  let end = 40 + 4 + 4 + 2;
  const [ofName, ofExported, ofTarget] = [name, exported, target].map((text) => {
    const start = end;
    end += content.write(`${text}\0`, start, 'latin1');
    return address + start;
  });
  put32(content, { 12: ofName, 16: 1, 20: 1, 24: 1 });
  put32(content, {
    28: address + 40,
    32: address + 44,
    36: address + 48,
    40: ofTarget,
    44: ofExported,
  });

  const head = Buffer.alloc(place);
  head.write('MZ', 0, 'latin1');
  put32(head, { 60: 0x40 });
  head.write('PE\0\0', 0x40, 'latin1');
  // x64, one section, a library
  put16(head, { 68: 0x8664, 70: 1, 84: 240, 86: 0x2022 });
  // where it is loaded, how it is aligned, for which Windows, how large it is; then where the exports are
  put16(head, { 88: 0x20b, 128: 6, 136: 6, 156: 3 });
  put32(head, { 112: 0x8000_0000, 116: 1, 120: 0x1000, 124: 0x200, 144: 0x2000, 148: place });
  put32(head, { 196: 16, 200: address, 204: end });
  head.write('.edata', 0x148, 'latin1');
  put32(head, { 336: end, 340: address, 344: content.length, 348: place, 364: 0x4000_0040 });
  return Buffer.concat([head, content]);
}

type Fields = Readonly<Record<number, number | undefined>>;

function put32(buffer: Buffer, fields: Fields): void {
  for (const [at, value = 0] of Object.entries(fields)) buffer.writeUInt32LE(value, Number(at));
}

function put16(buffer: Buffer, fields: Fields): void {
  for (const [at, value = 0] of Object.entries(fields)) buffer.writeUInt16LE(value, Number(at));
}
