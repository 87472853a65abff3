// Words come from the page (#ui-strings, JSON), in the page's language.
const element = document.getElementById("ui-strings");
const words = element ? JSON.parse(element.textContent) : {};

// say("left", {label: "到场", span: "2 小时"}) fills %(label)s and %(span)s.
export function say(key, values = {}) {
  const text = words[key] || "";
  return text.replace(/%\((\w+)\)s/g, (_, name) => (name in values ? values[name] : "")).replace(/%%/g, "%").trim();
}

export function durationWords(milliseconds) {
  const total = Math.floor(Math.abs(milliseconds) / 60000);
  const days = Math.floor(total / 1440);
  const hours = Math.floor((total % 1440) / 60);
  const minutes = total % 60;
  if (days) return [say("days", { n: days }), hours ? say("hours", { n: hours }) : ""].filter(Boolean).join(" ");
  if (hours) return [say("hours", { n: hours }), minutes ? say("minutes", { n: minutes }) : ""].filter(Boolean).join(" ");
  return minutes ? say("minutes", { n: minutes }) : say("underMinute");
}

export function timeWords(date = new Date()) {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}

// The sprite's address is read from any icon on the page, so that hashed names keep working.
const anyUse = document.querySelector("svg.icon use");
const sprite = anyUse ? anyUse.getAttribute("href").split("#")[0] : "/static/img/icons.svg";

export function icon(name, css = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${css}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function isTyping(target) {
  return Boolean(target && target.closest && target.closest("input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit]), textarea, select, [contenteditable=true]"));
}
