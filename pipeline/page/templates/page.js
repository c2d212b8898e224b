for (const note of document.querySelectorAll("[data-until]")) {
  const days = Math.floor((Date.now() - Date.parse(note.dataset.until)) / 864e5);
  if (days < 1) continue;
  note.querySelector("p").textContent = `This forecast's day ended ${days === 1 ? "a day" : days + " days"} ago; no newer one has been published here.`;
  note.hidden = false;
}
for (const chart of document.querySelectorAll(".chart")) {
  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  for (const title of chart.querySelectorAll("svg title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  chart.append(tip);
  chart.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    const text = target.closest("[data-tip]")?.dataset.tip;
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const box = chart.getBoundingClientRect();
    tip.style.left = Math.max(0, Math.min(clientX - box.left - tip.offsetWidth / 2, box.width - tip.offsetWidth)) + "px";
    tip.style.top = clientY - box.top - tip.offsetHeight - 14 + "px";
  });
  chart.addEventListener("pointerleave", () => { tip.hidden = true; });
}
