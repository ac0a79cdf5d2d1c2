// One bar for each day as SVG, drawn for the width it has, with the same numbers as a table.

import { day, el, money, svg } from "./ui.js";

const HEIGHT = 180;
const TOP = 10;
const BOTTOM = 24;
const LABEL_GAP = 8;
const CHARACTER = 7;
const MIN_WIDTH = 240;

/** The next "round" amount above the largest bar: 1, 2 or 5 times a power of ten. */
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * (1 - 1e-9));
}

function label(x, y, anchor, text) {
  return svg("text", { x, y, "text-anchor": anchor }, text);
}

function draw(days, width, onPoint) {
  const top = ceiling(Math.max(...days.map((entry) => entry.cents)));
  const marks = [1, 0.5].map((share) => ({ share, text: money(top * share, { short: true }) }));
  const left = LABEL_GAP + CHARACTER * Math.max(...marks.map(({ text }) => text.length));
  const floor = HEIGHT - BOTTOM;
  const slot = (width - left) / days.length;
  const scale = (floor - TOP) / top;
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    role: "img",
    "aria-labelledby": "chart-caption",
  });

  for (const { share, text } of marks) {
    const y = floor - (floor - TOP) * share;
    root.append(
      svg("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }),
      label(left - LABEL_GAP, y + 4, "end", text),
    );
  }
  days.forEach((entry, i) => {
    const height = entry.cents > 0 ? Math.max(2, entry.cents * scale) : 0;
    const x = left + i * slot;
    root.append(
      svg("rect", {
        class: "slot",
        x,
        y: TOP,
        width: slot,
        height: floor - TOP,
        onpointerenter: () => onPoint(entry),
      }),
      svg("rect", {
        class: "bar",
        x: x + slot * 0.15,
        y: floor - height,
        width: slot * 0.7,
        height,
        rx: Math.min(3, slot * 0.2),
        "pointer-events": "none",
      }),
    );
  });
  root.append(
    svg("line", { class: "axis", x1: left, x2: width, y1: floor, y2: floor }),
    label(left, HEIGHT - 4, "start", day(days[0].day)),
    label((left + width) / 2, HEIGHT - 4, "middle", day(days[Math.floor(days.length / 2)].day)),
    label(width, HEIGHT - 4, "end", day(days.at(-1).day)),
  );
  root.addEventListener("pointerleave", () => onPoint(null));
  return root;
}

function numbers(days) {
  return el(
    "table",
    { class: "table" },
    el("caption", { class: "visually-hidden" }, "Spend for each day (UTC)"),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("th", { scope: "col" }, "Day"),
        el("th", { scope: "col", class: "amount" }, "Spend"),
      ),
    ),
    el(
      "tbody",
      {},
      days.map((entry) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, el("time", { datetime: entry.day }, day(entry.day))),
          el("td", { class: "amount" }, money(entry.cents)),
        ),
      ),
    ),
  );
}

// Hidden from eyes until asked for, never from a screen reader.
function tableToggle(box) {
  const button = el(
    "button",
    { type: "button", class: "button quiet", "aria-expanded": "false" },
    "Show the numbers",
  );
  button.addEventListener("click", () => {
    const hidden = box.classList.toggle("visually-hidden");
    button.setAttribute("aria-expanded", String(!hidden));
    button.textContent = hidden ? "Show the numbers" : "Hide the numbers";
  });
  return button;
}

/** days: [{day: "2026-11-01", cents: 12.5}, ...], oldest first. */
export function dailyChart(days) {
  const total = days.reduce((sum, entry) => sum + entry.cents, 0);
  const peak = days.reduce((best, entry) => (entry.cents > best.cents ? entry : best), days[0]);
  const summary =
    peak.cents > 0
      ? `Most on ${day(peak.day)}: ${money(peak.cents)}.`
      : "Nothing spent in this time.";
  const readout = el("p", { class: "chart-readout hint", "aria-hidden": "true" }, summary);
  const canvas = el("div", { class: "canvas" });
  const table = el("div", { class: "visually-hidden" }, numbers(days));
  const onPoint = (entry) => {
    readout.textContent = entry ? `${day(entry.day)}: ${money(entry.cents)}` : summary;
  };

  let drawnWidth = 0;
  new ResizeObserver(([box]) => {
    const width = Math.max(MIN_WIDTH, Math.round(box.contentRect.width));
    if (width === drawnWidth) return;
    drawnWidth = width;
    canvas.replaceChildren(draw(days, width, onPoint));
  }).observe(canvas);

  return el(
    "figure",
    { class: "chart stack-tight" },
    el(
      "figcaption",
      { id: "chart-caption", class: "strong" },
      `Spend for each of the last ${days.length} days`,
      el(
        "span",
        { class: "visually-hidden" },
        `, ${money(total)} in total. ${summary} The numbers follow as a table.`,
      ),
    ),
    canvas,
    el("div", { class: "row row-apart" }, readout, tableToggle(table)),
    table,
  );
}
