// A visitor's photo made fit to send: upright, shrunk, encoded again. That drops place, time and camera with the rest. A
// small JPEG that holds none of these goes as it is: to encode it again would show the model another picture.

const KNOWN = ["image/jpeg", "image/png", "image/webp"];
const LIGHT = 500_000; // bytes: more would cost a slow line more than the second encoding costs the picture

/** The size that fits into a square of `side`, never larger than given. */
export function fit(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** True for the bytes of a JPEG of a picture and nothing else: no segment that could hold a place, a time or words. */
export function plain(bytes) {
  let at = 2;
  while (bytes[at] === 0xff && bytes[at + 1] >= 0xc0 && bytes[at + 1] <= 0xe0 && bytes[at + 1] !== 0xda) at += 2 + bytes[at + 2] * 256 + bytes[at + 3];
  return bytes[at] === 0xff && bytes[at + 1] === 0xda && bytes.at(-2) === 0xff && bytes.at(-1) === 0xd9;
}

/** A JPEG Blob of at most `side` pixels; the file as it is where the browser can not read it but the house may. */
export async function ready(file, side, most) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    if (KNOWN.includes(file.type) && file.size <= most) return file;
    const heic = /hei[cf]/i.test(file.type + file.name);
    throw {
      what: heic ? "This browser cannot open HEIC photos." : "I can't open this file as a photo.",
      do_next: heic ? "Share it as JPEG, or take one here with the camera." : `JPEG, PNG and WebP up to ${Math.round(most / 1e6)} MB work.`,
      final: true,
    };
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = fit(bitmap.width, bitmap.height, side);
  const whole = canvas.width === bitmap.width;
  if (whole && file.type === KNOWN[0] && file.size <= LIGHT && plain(new Uint8Array(await file.arrayBuffer()))) return file;
  const ink = canvas.getContext("2d");
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, canvas.width, canvas.height);
  ink.imageSmoothingQuality = "high";
  ink.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", whole ? 0.95 : 0.9));
  if (!blob) throw { what: "That photo is too large for this browser.", do_next: "Choose a smaller one.", final: true };
  return blob;
}
