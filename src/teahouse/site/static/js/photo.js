// A visitor's photo made fit to send: upright, shrunk, encoded again. That drops place, time and camera with the rest.

const KNOWN = ["image/jpeg", "image/png", "image/webp"];

/** The size that fits into a square of `side`, never larger than given. */
export function fit(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
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
      what: heic ? "This browser can not open HEIC photos." : "That does not look like a photo I can open.",
      do_next: heic ? "Share it as JPEG, or take one here with the camera." : "Choose a JPEG, PNG or WebP photo.",
      final: true,
    };
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = fit(bitmap.width, bitmap.height, side);
  const ink = canvas.getContext("2d");
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, canvas.width, canvas.height);
  ink.imageSmoothingQuality = "high";
  ink.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  if (!blob) throw { what: "That photo is too large for this browser.", do_next: "Choose a smaller one.", final: true };
  return blob;
}
