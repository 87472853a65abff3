// The owners' form: show what belongs to the chosen kind. Without scripts everything is shown, and the server decides.
const form = document.querySelector("[data-report]");

function show(element, shown) {
  element.hidden = !shown;
}

function arrange(root) {
  const kind = root.querySelector("input[name=kind]:checked")?.value;
  const anonymous = kind === "complaint" && root.querySelector("input[name=is_anonymous]")?.checked;
  root.querySelectorAll("[data-only]").forEach((part) => show(part, part.dataset.only.split(" ").includes(kind)));
  root.querySelectorAll("[data-not-anonymous]").forEach((part) => show(part, !anonymous));
  root.querySelectorAll("label[for=id_room] .required").forEach((star) => show(star, kind === "repair"));
  root.querySelectorAll("[data-for]").forEach((line) => show(line, line.dataset.for === kind));
}

// The form may be replaced when it comes back with errors, so the listening is done from outside it.
document.addEventListener("change", (event) => {
  const changed = event.target.closest("[data-report]");
  if (changed) arrange(changed);
});
document.addEventListener("content:added", (event) => {
  const added = event.detail.querySelector?.("[data-report]");
  if (added) arrange(added);
});
window.addEventListener("pageshow", () => form && arrange(form));
if (form) arrange(form);
