// Dialogs: a local <dialog> by its id, another page's content by its address, or a question before a submit.
import { say } from "./strings.js";
import { toast } from "./toasts.js";

const shared = document.getElementById("page-dialog");
const confirmation = document.getElementById("confirm-dialog");

export function show(dialog) {
  if (dialog && !dialog.open) dialog.showModal();
}

async function openPage(link) {
  const title = document.getElementById("page-dialog-title");
  const body = document.getElementById("page-dialog-body");
  link.classList.add("is-busy");
  try {
    const answer = await fetch(link.href, { headers: { "HX-Request": "true", "HX-Target": "page-dialog-body" }, credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const content = page.querySelector("[data-dialog-content]") || page.querySelector("#content .page-content") || page.querySelector("#content");
    if (answer.redirected || !answer.ok || !content) return location.assign(link.href);
    title.textContent = link.dataset.dialogTitle || content.dataset.dialogContent || page.querySelector("h1")?.textContent.trim() || link.textContent.trim();
    body.replaceChildren(...content.childNodes);
    body.querySelectorAll("form:not([action]), form[action='']").forEach((form) => form.setAttribute("action", link.href));
    window.htmx?.process(body);
    document.dispatchEvent(new CustomEvent("content:added", { detail: body }));
    show(shared);
    body.querySelector("[autofocus], textarea, input:not([type=hidden]), select")?.focus();
  } catch {
    toast(say("offline"), "overdue");
  } finally {
    link.classList.remove("is-busy");
  }
  return undefined;
}

export function ask(text, yesLabel) {
  return new Promise((resolve) => {
    const yes = confirmation.querySelector("[data-confirm-yes]");
    confirmation.querySelector("#confirm-dialog-text").textContent = text;
    yes.textContent = yesLabel || say("confirm");
    confirmation.onclose = () => resolve(confirmation.returnValue === "yes");
    confirmation.returnValue = "";
    show(confirmation);
    yes.focus();
  });
}

confirmation?.addEventListener("click", (event) => {
  if (event.target.closest("[data-confirm-yes]")) confirmation.close("yes");
  else if (event.target.closest("[data-confirm-no]")) confirmation.close("no");
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    const selector = opener.dataset.dialog;
    if (selector?.startsWith("#")) {
      opener.closest("details.menu")?.removeAttribute("open");
      show(document.querySelector(selector));
      event.preventDefault();
    } else if (opener.href && shared) {
      event.preventDefault();
      openPage(opener);
    }
  }
  const close = event.target.closest("[data-dialog-close]");
  if (close) {
    event.preventDefault();
    close.closest("dialog")?.close();
  }
  // A click on the backdrop closes what holds no typed text.
  if (event.target.matches("dialog.dialog, dialog.lightbox") && !event.target.querySelector("textarea, input:not([type=hidden])")) event.target.close();
});

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  const question = button?.dataset.confirm || event.target.dataset.confirm;
  if (!question || event.target.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (await ask(question, button?.textContent.trim())) {
    event.target.dataset.confirmed = "1";
    event.target.requestSubmit(button || undefined);
    delete event.target.dataset.confirmed;
  }
}, true);
