"use strict";
(() => {
  const controls = document.getElementById("controls");
  const cards = [...document.querySelectorAll(".card")];
  const all = [...document.querySelectorAll("details")];

  // A link to a card that is closed, or lies within a closed one, opens what hides it.
  const reveal = () => {
    let target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  let before = [];
  addEventListener("beforeprint", () => {
    before = all.map((details) => details.open);
    all.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => all.forEach((details, at) => { details.open = before[at]; }));

  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");  // where the clipboard is not allowed, as on some file pages
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  const copier = (label, what, text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = label;
    button.setAttribute("aria-label", what);
    button.addEventListener("click", async () => {
      button.textContent = (await copied(text())) ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
    return button;
  };
  for (const command of document.querySelectorAll(".command")) {
    const code = command.firstElementChild;
    command.append(copier("Copy", "Copy this command", () => code.textContent));
  }
  for (const steps of document.querySelectorAll(".steps")) {
    const texts = [...steps.children].map((step, at) =>
      `${at + 1}. ${[...step.childNodes].map((node) => (node.className === "command" ? node.firstChild : node).textContent).join("")}`);
    const heading = steps.closest(".part").firstElementChild;
    heading.append(" ", copier("Copy all", "Copy all steps of this fix", () => texts.join("\n")));
  }

  if (!controls) return;
  controls.hidden = false;
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const expand = document.getElementById("expand");
  const boxes = [...controls.querySelectorAll("[type=checkbox]")];
  const rows = [...document.querySelectorAll("[data-card]")];
  const texts = cards.map((card) => card.textContent.toLowerCase());

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = boxes.filter((box) => box.checked).map((box) => box.value);
    const gone = new Set();
    cards.forEach((card, at) => {
      const severe = card.dataset.severities.split(" ").some((severity) => severities.includes(severity));
      card.hidden = !severe || !words.every((word) => texts[at].includes(word));
      if (card.hidden) gone.add(card.id);
    });
    rows.forEach((row) => { row.hidden = gone.has(row.dataset.card); });
    shown.textContent = gone.size ? `${cards.length - gone.size} of ${cards.length} shown` : "";
  };
  search.addEventListener("input", filter);
  boxes.forEach((box) => box.addEventListener("change", filter));
  controls.addEventListener("submit", (event) => event.preventDefault());
  expand.addEventListener("click", () => {
    const open = expand.textContent === "Expand all";
    document.querySelectorAll(".card, .follower").forEach((details) => { details.open = open; });
    expand.textContent = open ? "Collapse all" : "Expand all";
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement.tagName !== "INPUT") {
      event.preventDefault();
      search.focus();
    }
  });
})();
