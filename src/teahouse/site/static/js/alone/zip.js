// A zip of files as they are, for a few photos and what was said of them.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

export function sum(bytes) {
  let told = 0xffffffff;
  for (const byte of bytes) told = TABLE[(told ^ byte) & 255] ^ (told >>> 8);
  return (told ^ 0xffffffff) >>> 0;
}

/** `sizes` bytes for each of the numbers, low ones first. */
function record(...parts) {
  const bytes = new Uint8Array(parts.reduce((size, [wide]) => size + wide, 0)), view = new DataView(bytes.buffer);
  let at = 0;
  for (const [wide, value] of parts) {
    if (wide === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += wide;
  }
  return bytes;
}

const UTF8 = 0x800, DAY = 0x21; // names are Unicode; the first of January 1980

/** A Blob of [name, bytes] pairs. */
export function pack(entries) {
  const parts = [], directory = [];
  let at = 0;
  for (const [name, bytes] of entries) {
    const letters = new TextEncoder().encode(name);
    const about = [[2, 20], [2, UTF8], [2, 0], [2, 0], [2, DAY], [4, sum(bytes)], [4, bytes.length], [4, bytes.length], [2, letters.length], [2, 0]];
    const head = record([4, 0x04034b50], ...about);
    directory.push(record([4, 0x02014b50], [2, 20], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]), letters);
    parts.push(head, letters, bytes);
    at += head.length + letters.length + bytes.length;
  }
  const size = directory.reduce((all, part) => all + part.length, 0), count = entries.length;
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, at], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
