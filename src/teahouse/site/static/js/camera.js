// The live camera in a dialog: what it sees, a shutter, and the other camera where there is one. Loaded when it is asked for.

import { button, dressed, element } from "./dialog.js";

const WORDS = {
  NotAllowedError: "The camera stays closed: this browser was told not to open it. A photo from your files works as well.",
  NotFoundError: "There is no camera here. A photo from your files works as well.",
};

/** Opens the dialog; a photo that is taken goes to `take(file)`. */
export async function open(take) {
  const back = document.activeElement;
  await dressed();
  let facing = matchMedia("(pointer: coarse)").matches ? "environment" : "user", stream;
  const video = element("video", { autoplay: true, muted: true, playsInline: true, ariaLabel: "What the camera sees" });
  const said = element("p", { role: "status", textContent: "Opening the camera …" });
  const shoot = button("Take it", "main", shot), flip = button("Other camera", "", turn), leave = button("Cancel", "", () => dialog.close());
  const dialog = element("dialog", { className: "ask card lens-box", ariaLabel: "Camera" }, element("div", { className: "lens" }, video, said), element("div", { className: "row" }, shoot, flip, leave));
  shoot.disabled = flip.hidden = true;

  const end = () => stream?.getTracks().forEach((track) => track.stop());

  async function start() {
    end();
    shoot.disabled = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, width: { ideal: 1280 } } });
      if (!dialog.open) return end();
      video.srcObject = stream;
      video.classList.toggle("mirror", facing === "user");
      await video.play();
      said.hidden = true;
      shoot.disabled = false;
      shoot.focus();
      flip.hidden = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.kind === "videoinput").length < 2;
    } catch (error) {
      said.hidden = false;
      said.textContent = WORDS[error.name] ?? "The camera does not open. A photo from your files works as well.";
    }
  }

  function turn() {
    facing = facing === "user" ? "environment" : "user";
    start();
  }

  function shot() {
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    const ink = canvas.getContext("2d");
    if (facing === "user") ink.setTransform(-1, 0, 0, 1, canvas.width, 0); // as one sees oneself
    ink.drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      dialog.close();
      take(new File([blob], "camera.jpg", { type: "image/jpeg" }));
    }, "image/jpeg", 0.92);
  }

  dialog.addEventListener("close", () => {
    end();
    dialog.remove();
    back?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  start();
}
