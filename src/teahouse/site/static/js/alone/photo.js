// A picture file as pixels, scaled while it is decoded where Pillow would do so (`draft`).

import { scaled } from "./jpeg.js";
import { drafted } from "./pixels.js";

/** {width, height, data} with three bytes a pixel, upright, transparent parts on white. */
export async function decode(blob, size) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (error) {
    throw Object.assign(new Error("This photo can not be read.", { cause: error }), { name: "Unread" });
  }
  const { width, height } = bitmap, scale = blob.type === "image/jpeg" ? drafted(width, height, size) : 1;
  const small = scale > 1 && exact(new Uint8Array(await blob.arrayBuffer()), scale, [width, height]);
  if (small) return small;
  const ink = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, width, height);
  ink.drawImage(bitmap, 0, 0);
  bitmap.close();
  return boxed(ink.getImageData(0, 0, width, height), scale);
}

/** As Pillow scales it; null where the file is turned, or of a kind that is not read here. */
function exact(bytes, scale, [width, height]) {
  try {
    const small = scaled(bytes, scale);
    return small?.width === Math.ceil(width / scale) && small.height === Math.ceil(height / scale) && !turned(bytes) ? small : null;
  } catch {
    return null; // the browser could read it, so its own way will do
  }
}

/** Whether it holds Exif, which may say that it lies on its side: what the page sends never does. */
const turned = (bytes) => bytes[2] === 0xff && bytes[3] === 0xe1;

/** Means of scale x scale pixels: what a JPEG decoder gives that scales. */
function boxed({ width, height, data }, scale) {
  const wide = Math.ceil(width / scale), high = Math.ceil(height / scale), made = new Uint8ClampedArray(wide * high * 3);
  for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) {
    let [red, green, blue, count] = [0, 0, 0, 0];
    for (let j = y * scale; j < Math.min(height, (y + 1) * scale); j++) for (let i = x * scale; i < Math.min(width, (x + 1) * scale); i++, count++) {
      const at = (j * width + i) * 4;
      red += data[at];
      green += data[at + 1];
      blue += data[at + 2];
    }
    const to = (y * wide + x) * 3;
    [made[to], made[to + 1], made[to + 2]] = [red / count, green / count, blue / count];
  }
  return { width: wide, height: high, data: made };
}
