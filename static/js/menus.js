import { say } from "./strings.js";
import { toast } from "./toasts.js";

// Menus are <details>: they close on Esc, on a click elsewhere, and when another opens.
function open() {
  return document.querySelectorAll("details.menu[open]");
}

document.addEventListener("click", (event) => {
  open().forEach((menu) => !menu.contains(event.target) && menu.removeAttribute("open"));
});

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (menu.matches?.("details.menu[open]")) open().forEach((other) => other !== menu && !other.contains(menu) && other.removeAttribute("open"));
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  open().forEach((menu) => {
    const inside = menu.contains(document.activeElement);
    menu.removeAttribute("open");
    if (inside) menu.querySelector("summary").focus();
  });
});

document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) copyText(copy.dataset.copy);
  const back = event.target.closest("[data-back]");
  if (back) history.back();
});
// Without a page to go back to, the button stays hidden.
document.querySelectorAll("[data-back]").forEach((button) => { button.hidden = history.length < 2; });

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(say("copied"), "done");
  } catch {
    toast(say("copyFailed"), "warning");
  }
}
