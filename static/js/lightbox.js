// Pictures open in a dialog; the links underneath stay links.
const box = document.getElementById("lightbox");
const image = document.getElementById("lightbox-image");
const caption = document.getElementById("lightbox-caption");
let links = [];
let at = 0;

function show(index) {
  at = (index + links.length) % links.length;
  const thumb = links[at].querySelector("img");
  image.src = links[at].href;
  image.alt = thumb ? thumb.alt : "";
  caption.textContent = links.length > 1 ? `${at + 1} / ${links.length}` : "";
  box.querySelectorAll(".lightbox-previous, .lightbox-next").forEach((button) => { button.hidden = links.length < 2; });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-lightbox] a");
  if (!link || !box?.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  links = [...link.closest("[data-lightbox]").querySelectorAll("a")];
  show(links.indexOf(link));
  box.showModal();
});
box?.addEventListener("click", (event) => {
  if (event.target.closest(".lightbox-previous")) show(at - 1);
  else if (event.target.closest(".lightbox-next")) show(at + 1);
  else if (event.target.matches("figure")) box.close();
});
box?.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(at - 1);
  if (event.key === "ArrowRight") show(at + 1);
});
box?.addEventListener("close", () => image.removeAttribute("src"));
