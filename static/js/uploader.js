// Pictures: pick, paste, drop or photograph; shrunk here; sent with progress; kept and retried when the lift
// swallows the signal. Without scripts it is a plain file field.
import { guard, release } from "./forms.js";
import { icon, make, say } from "./strings.js";
import { carry, toast } from "./toasts.js";

const EDGE = 2048; // pixels of the longer side after shrinking
const SMALL = 600 * 1024; // bytes below which a JPEG is left as it is
const uploaders = new Map();

async function shrink(file) {
  if (file.type === "image/gif" || !window.createImageBitmap) return file;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // HEIC in most browsers: the server decodes it
  }
  const scale = Math.min(1, EDGE / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.type === "image/jpeg" && file.size < SMALL) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const paper = canvas.getContext("2d");
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close?.();
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
  if (!blob || blob.size >= file.size) return file;
  return new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg", lastModified: file.lastModified });
}

class Uploader {
  constructor(box) {
    this.box = box;
    this.input = box.querySelector("input[type=file]");
    this.list = box.querySelector("[data-uploader-list]");
    this.note = box.querySelector("[data-uploader-note]");
    this.max = Number(box.dataset.max || 9);
    this.maxMb = Number(box.dataset.maxMb || 15);
    this.files = [];
    this.working = Promise.resolve();
    box.classList.add("is-live");
    box.dataset.live = "1";
    this.input.addEventListener("change", () => this.add([...this.input.files]));
    box.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("is-over"); });
    box.addEventListener("dragleave", () => box.classList.remove("is-over"));
    box.addEventListener("drop", (event) => { event.preventDefault(); box.classList.remove("is-over"); this.add([...event.dataTransfer.files]); });
  }

  tell(text, bad = false) {
    this.note.textContent = text;
    this.note.classList.toggle("is-bad", bad);
  }

  add(files) {
    this.working = this.working.then(() => this.take(files));
    return this.working;
  }

  async take(files) {
    this.tell(files.length ? say("uploadPreparing") : "");
    let problem = "";
    for (const file of files) {
      const picture = file.type.startsWith("image/") || /\.hei[cf]$/i.test(file.name);
      if (!picture) { problem = say("uploadNotPicture", { name: file.name }); continue; }
      if (this.files.length >= this.max) { problem = say("uploadTooMany", { n: this.max }); break; }
      const small = await shrink(file);
      if (small.size > this.maxMb * 1024 * 1024) { problem = say("uploadTooLarge", { name: file.name, mb: this.maxMb }); continue; }
      this.files.push(small);
      this.preview(small);
    }
    this.sync();
    this.tell(problem, Boolean(problem));
  }

  preview(file) {
    const item = make("li");
    const image = make("img", { alt: file.name });
    const address = URL.createObjectURL(file);
    image.addEventListener("error", () => image.replaceWith(make("span", { class: "noname", title: say("noPreview") }, file.name)), { once: true });
    image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
    image.src = address;
    const remove = make("button", { type: "button", class: "uploader-remove", "aria-label": say("remove", { name: file.name }) }, make("span", {}, icon("x")));
    remove.addEventListener("click", () => {
      this.files = this.files.filter((other) => other !== file);
      item.remove();
      this.sync();
      this.tell("");
      this.input.focus();
    });
    item.append(image, remove);
    this.list.append(item);
  }

  // The input itself holds the shrunk files, so that a plain submit sends them too.
  sync() {
    const transfer = new DataTransfer();
    this.files.forEach((file) => transfer.items.add(file));
    this.input.files = transfer.files;
  }
}

function start(root) {
  root.querySelectorAll("[data-uploader]:not([data-live])").forEach((box) => {
    const uploader = new Uploader(box);
    uploaders.set(box, uploader);
  });
}

function live() {
  return [...uploaders.values()].filter((uploader) => uploader.box.isConnected);
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith("image/"));
  if (!files.length) return;
  const form = event.target.closest?.("form");
  const uploader = live().find((one) => form && one.input.form === form) || live()[0];
  if (uploader) { event.preventDefault(); uploader.add(files); }
});
// A picture dropped beside the box must not replace the page.
["dragover", "drop"].forEach((name) => window.addEventListener(name, (event) => live().length && event.preventDefault()));

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const mine = live().filter((uploader) => uploader.input.form === form);
  // data-resend: sent this way without pictures too, so that words survive a lost signal as pictures do.
  const wanted = mine.some((uploader) => uploader.files.length) || (mine.length && form.hasAttribute("data-resend"));
  if (event.defaultPrevented || form.hasAttribute("hx-post") || !wanted) return;
  event.preventDefault();
  const submitter = event.submitter;
  await Promise.all(mine.map((uploader) => uploader.working));
  send(form, submitter, mine[0]);
});

function send(form, submitter, uploader) {
  guard(form, submitter);
  const data = new FormData(form);
  if (submitter?.name) data.append(submitter.name, submitter.value);
  const request = new XMLHttpRequest();
  const bar = make("progress", { class: "bar", max: "100", value: "0" });
  uploader.tell(say("uploading", { percent: 0 }));
  uploader.note.after(bar);
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    const percent = Math.round((event.loaded / event.total) * 100);
    bar.value = percent;
    uploader.tell(percent < 100 ? say("uploading", { percent }) : say("uploadDone"));
  });
  const failed = () => {
    bar.remove();
    release(form);
    uploader.tell(say("uploadFailed"), true);
    const again = make("button", { type: "button", class: "btn btn-sm" }, icon("refresh"), say("retry"));
    again.addEventListener("click", () => { again.remove(); send(form, submitter, uploader); });
    uploader.note.append(" ", again);
    window.addEventListener("online", () => again.isConnected && again.click(), { once: true });
  };
  request.addEventListener("error", failed);
  request.addEventListener("timeout", failed);
  request.addEventListener("load", () => { bar.remove(); arrive(request, form, uploader); });
  request.timeout = 180000;
  request.open("POST", submitter?.getAttribute("formaction") || form.action || location.href);
  request.send(data);
}

// The answer is either another page (go there) or this form with errors (show it, keep the pictures).
function arrive(request, form, uploader) {
  release(form);
  if (request.status >= 500) return uploader.tell(say("serverBusy"), true);
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const moved = request.status < 400 && request.responseURL && new URL(request.responseURL).pathname !== new URL(form.action || location.href).pathname;
  if (moved) {
    carry([...page.querySelectorAll("#toasts [data-toast]")].map((note) => [note.querySelector("div").textContent.trim(), /toast-note--(\w+)/.exec(note.className)?.[1] || "moving"]));
    document.querySelectorAll("form[data-warn-unsaved]").forEach((other) => other.removeAttribute("data-warn-unsaved"));
    return location.assign(request.responseURL);
  }
  // A form in a dialog stays in its dialog.
  const body = form.closest("#page-dialog-body");
  const fresh = body ? page.querySelector("[data-dialog-content]") : page.querySelector("#content");
  const place = body || document.querySelector("#content");
  if (!fresh || !place) return location.reload();
  const kept = uploader.files;
  place.replaceChildren(...fresh.childNodes);
  page.querySelectorAll("#toasts [data-toast]").forEach((note) => toast(note.querySelector("div").textContent.trim(), "warning"));
  start(place);
  window.htmx?.process(place);
  document.dispatchEvent(new CustomEvent("content:added", { detail: place }));
  const next = live().find((one) => one.input.name === uploader.input.name);
  // A refused picture would be refused again: errors about pictures drop them, all else keeps them.
  if (next && next.input.getAttribute("aria-invalid") !== "true") next.add(kept);
  const errors = place.querySelector("[data-form-errors]");
  if (errors) { errors.scrollIntoView({ block: "center" }); errors.focus?.(); }
  return undefined;
}

start(document);
document.addEventListener("content:added", (event) => start(event.detail));
document.addEventListener("htmx:load", (event) => start(event.detail.elt));
