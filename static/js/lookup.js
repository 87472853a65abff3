// A combobox over the server's look-up: type, arrow keys, Enter. Without scripts it is a plain text field.
import { make, say } from "./strings.js";

const WAIT = 150;
let count = 0;

class Lookup {
  constructor(input) {
    this.input = input;
    this.list = make("ul", { class: "lookup-list", role: "listbox", id: `lookup-${++count}`, "aria-label": input.labels?.[0]?.textContent.trim() || "" });
    this.list.hidden = true;
    this.status = make("span", { class: "sr-only", role: "status" });
    if (!input.closest(".lookup")) {
      const wrap = make("div", { class: "lookup" });
      input.replaceWith(wrap);
      wrap.append(input);
    }
    input.after(this.list, this.status);
    Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id, autocomplete: "off" }).forEach(([k, v]) => input.setAttribute(k, v));
    input.addEventListener("input", (event) => !event.isComposing && this.later());
    input.addEventListener("compositionend", () => this.later());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("focus", () => input.value.trim() && !this.valueField()?.value && this.later());
    input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => { const option = event.target.closest("[role=option]"); if (option) this.choose(option); });
  }

  valueField() {
    return this.input.dataset.lookupValue ? document.querySelector(this.input.dataset.lookupValue) : null;
  }

  later() {
    const field = this.valueField();
    if (field && field.value) { field.value = ""; field.dispatchEvent(new Event("change", { bubbles: true })); }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.find(), WAIT);
  }

  async find() {
    const words = this.input.value.trim();
    if (words.length < Number(this.input.dataset.lookupMin || 1)) return this.close();
    this.request?.abort();
    this.request = new AbortController();
    const url = new URL(this.input.dataset.lookupUrl, location.href);
    url.searchParams.set("q", words);
    // Other fields that narrow the search: data-lookup-with="project,unit".
    (this.input.dataset.lookupWith || "").split(",").filter(Boolean).forEach((name) => {
      const field = this.input.form?.elements[name];
      if (field?.value) url.searchParams.set(name, field.value);
    });
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: this.request.signal, credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.status);
      const json = (answer.headers.get("Content-Type") || "").includes("json");
      this.show(json ? this.options((await answer.json()).results) : new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("[role=option]"));
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      this.list.replaceChildren(make("li", { class: "lookup-none", role: "presentation" }, say("lookupFailed")));
      this.open();
    }
    return undefined;
  }

  options(results) {
    return (results || []).map((row) => {
      const option = make("li", { role: "option", "data-value": row.value ?? row.id, "data-label": row.label ?? row.name }, make("strong", {}, row.label ?? row.name ?? ""));
      if (row.detail) option.append(make("span", {}, row.detail));
      return option;
    });
  }

  show(options) {
    this.list.replaceChildren(...options);
    [...this.list.children].forEach((option, index) => {
      option.id = `${this.list.id}-${index}`;
      option.setAttribute("aria-selected", "false");
    });
    if (!this.list.children.length) this.list.append(make("li", { class: "lookup-none", role: "presentation" }, say("lookupNone")));
    else this.point(0);
    this.status.textContent = this.all().length ? say("lookupCount", { n: this.all().length }) : say("lookupNone");
    this.open();
  }

  all() { return [...this.list.querySelectorAll("[role=option]")]; }

  open() {
    if (document.activeElement !== this.input) return;
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  point(index) {
    const all = this.all();
    if (!all.length) return;
    this.at = (index + all.length) % all.length;
    all.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.at)));
    this.input.setAttribute("aria-activedescendant", all[this.at].id);
    all[this.at].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.isComposing || this.list.hidden) {
      if (event.key === "ArrowDown" && !event.isComposing) this.find();
      return;
    }
    if (event.key === "ArrowDown") { event.preventDefault(); this.point(this.at + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); this.point(this.at - 1); }
    else if (event.key === "Enter" && !event.ctrlKey && this.all()[this.at]) { event.preventDefault(); this.choose(this.all()[this.at]); }
    else if (event.key === "Tab" && this.all().length === 1) this.choose(this.all()[0]);
    else if (event.key === "Escape") { event.stopPropagation(); this.close(); }
  }

  choose(option) {
    this.input.value = option.dataset.label || option.textContent.trim();
    const field = this.valueField();
    if (field) {
      field.value = option.dataset.value || "";
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    this.close();
    if (option.dataset.cardUrl && this.input.dataset.lookupCard) this.card(option.dataset.cardUrl);
    this.input.dispatchEvent(new CustomEvent("lookup:select", { bubbles: true, detail: { ...option.dataset } }));
  }

  async card(address) {
    const place = document.querySelector(this.input.dataset.lookupCard);
    if (!place) return;
    place.setAttribute("aria-busy", "true");
    const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Target": place.id }, credentials: "same-origin" }).catch(() => null);
    if (answer?.ok && !answer.redirected) {
      place.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
      window.htmx?.process(place);
      document.dispatchEvent(new CustomEvent("content:added", { detail: place }));
    }
    place.removeAttribute("aria-busy");
  }
}

function start(root) {
  root.querySelectorAll("input[data-lookup-url]:not([role=combobox])").forEach((input) => new Lookup(input));
}
start(document);
document.addEventListener("content:added", (event) => start(event.detail));
document.addEventListener("htmx:load", (event) => start(event.detail.elt));
