// What a visitor gave and was not answered: kept in this tab while they are away to pay, and put back once. It leaves the
// browser no other way than by being asked about.

const name = (app) => `gave ${app}`;
const DAY_MS = 86_400_000;
const FIELDS = "[data-input] :is(select, input:not([type=file]))";

/** Bytes as text that can be kept, and back. */
export const asText = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
export const asBytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Keeps what stands in the inputs. True where it is kept, false where the browser can not, null where there is nothing
 * of the visitor's own. */
export async function keep(root, app, inputs) {
  const photos = Object.entries(inputs).filter(([, input]) => input.photo);
  if (!(photos.length ? photos.map(([, input]) => input) : Object.values(inputs)).some((input) => input.own())) return null;
  try {
    const files = [];
    for (const [which, input] of photos) {
      if (!input.own()) continue;
      const file = await input.value();
      files.push([which, file.type, asText(new Uint8Array(await file.arrayBuffer()))]);
    }
    const fields = [...root.querySelectorAll(FIELDS)].filter((field) => field.type !== "radio" || field.checked).map((field) => [field.id || field.name, field.value]);
    sessionStorage.setItem(name(app), JSON.stringify({ at: Date.now(), files, fields }));
    return true;
  } catch {
    forget(app); // what was kept before is not what stands here now
    return false;
  }
}

export function forget(app) {
  try {
    sessionStorage.removeItem(name(app));
  } catch {
    // who keeps nothing has nothing to forget
  }
}

/** What is kept of this app, or null. */
export function kept(app, now = Date.now()) {
  try {
    const found = JSON.parse(sessionStorage.getItem(name(app)));
    return found && now - found.at < DAY_MS ? found : null;
  } catch {
    return null;
  }
}

/** Puts back what is kept; whether there was anything. */
export function putBack(root, app, inputs) {
  const found = kept(app);
  forget(app);
  if (!found) return false;
  for (const [which, value] of found.fields) {
    const field = [...root.querySelectorAll(FIELDS)].find((one) => (one.id || one.name) === which && (one.type !== "radio" || one.value === value));
    if (!field || (field.type === "radio" ? field.checked : field.value === value)) continue;
    if (field.type === "radio") field.checked = true;
    else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  for (const [which, type, text] of found.files) inputs[which]?.take(new File([asBytes(text)], "photo", { type }));
  return found.files.length + found.fields.length > 0;
}
