// A form that is sent as JSON, its refusal told in place.

import { call } from "./api.js";

for (const form of document.querySelectorAll("[data-form]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { username, ...fields } = Object.fromEntries(new FormData(form));
    const find = (name) => form.querySelector(`[data-${name}]`);
    form.querySelector("button").disabled = true;
    find("trouble").hidden = true;
    try {
      await call(form.dataset.form, { method: "POST", body: fields });
      location.assign(form.dataset.then);
    } catch (error) {
      find("what").textContent = error.what;
      find("next").textContent = error.do_next ?? "";
      find("trouble").hidden = false;
      form.querySelector("button").disabled = false;
      form.querySelector("[type=password]").select();
    }
  });
}
