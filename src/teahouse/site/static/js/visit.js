// What the page remembers of one visit: in the browser alone, and in this page alone where the browser forbids it.

const here = {};

/** The value of this name; with `value` it is kept. */
export function visit(name, value) {
  if (value !== undefined) here[name] = value;
  try {
    if (value !== undefined) sessionStorage.setItem(name, JSON.stringify(value));
    return JSON.parse(sessionStorage.getItem(name)) ?? here[name];
  } catch {
    return here[name];
  }
}
