// The request page: dialling after a reveal, the phone's own place, printing.

document.addEventListener("htmx:afterSwap", (event) => {
  const place = event.detail.elt || event.target;
  const link = document.querySelector("a[data-dial]:not([data-dialled])");
  if (!link || !place) return;
  link.dataset.dialled = "1";
  link.focus();
  location.assign(link.href);
});

// A tab that nobody looks at is not somebody looking.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.id === "presence") event.preventDefault();
});

function offerPlace(root) {
  root.querySelectorAll("[data-locate]").forEach((box) => { box.hidden = !navigator.geolocation; });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
  const button = event.target.closest("[data-locate] button");
  if (!button) return;
  const box = button.closest("[data-locate]");
  const note = box.querySelector("[role=status]");
  button.disabled = true;
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      document.querySelector(box.dataset.locate).value = `${coords.latitude.toFixed(5)},${coords.longitude.toFixed(5)}`;
      note.textContent = "✓";
    },
    () => { button.disabled = false; },
    { enableHighAccuracy: true, timeout: 8000, maximumAge: 60000 },
  );
});

offerPlace(document);
document.addEventListener("content:added", (event) => offerPlace(event.detail));
document.addEventListener("htmx:load", (event) => offerPlace(event.detail.elt));
