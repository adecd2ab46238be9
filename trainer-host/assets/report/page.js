(() => {
const all = (q, r = document) => [...r.querySelectorAll(q)];
const NS = "http://www.w3.org/2000/svg";
const make = (name, attributes = {}, text, ns) => {
  const e = ns ? document.createElementNS(ns, name) : document.createElement(name);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  if (text !== undefined) e.textContent = text;
  return e;
};
const num = v => {
  const a = Math.abs(v);
  if (v === 0 || !isFinite(v)) return String(v);
  return a >= 1e6 || a < 1e-4 ? v.toExponential(2).replace(/\.?0+e/, "e") : String(+v.toPrecision(5));
};

// The box with values: it follows the pointer, until a click fixes it.
const tip = make("div", { id: "tip" });
document.body.append(tip);
let fixed = false;
const hide = () => fixed || (tip.style.display = "none");
const show = (text, x, y) => {
  if (fixed) return;
  tip.textContent = text;
  tip.style.display = "block";
  const w = document.documentElement.clientWidth, b = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, w - b.width - 6)) + scrollX + "px";
  tip.style.top = (y + 16 + b.height > innerHeight ? Math.max(4, y - b.height - 10) : y + 16) + scrollY + "px";
};
const fix = on => { fixed = on; tip.classList.toggle("fixed", on); };
addEventListener("keydown", e => e.key === "Escape" && (fix(false), hide()));
addEventListener("click", e => {
  if (e.target.closest("#tip")) return;
  if (fixed) { fix(false); hide(); return; }
  if (tip.style.display === "block" && e.target.closest("svg")) fix(true);
});
addEventListener("pointermove", e => {
  const t = e.target.closest && e.target.closest("[data-t]");
  if (t) show(t.dataset.t, e.clientX, e.clientY);
  else if (!e.target.closest || !e.target.closest("figure.chart svg")) hide();
});

const apart = (v, s) => Math.abs(num(v) - v) > s / 100 ? v.toFixed(Math.max(0, -Math.floor(Math.log10(s)))) : num(v);
// At most so many round values, whole ones if `whole`.
const ticks = (low, high, log, most, whole) => {
  const out = [];
  if (log) {
    const step = Math.max(1, Math.ceil((high - low) / most));
    for (let d = Math.floor(low); d <= high; d++)
      for (const m of high - low < 2 ? [1, 2, 5] : [1]) {
        const v = d + Math.log10(m);
        if (v >= low - 1e-9 && v <= high + 1e-9 && d % step === 0) out.push([v, num(m * 10 ** d)]);
      }
    if (out.length > 1) return out;
    out.length = 0;
  }
  const raw = (high - low) / most, p = 10 ** Math.floor(Math.log10(raw));
  const round = [1, 2, 5, 10].map(m => m * p).find(v => v >= raw * 0.999);
  const s = whole && !log ? Math.max(1, round) : round;
  for (let k = Math.ceil(low / s - 1e-9); k * s <= high + s * 1e-9; k++)
    out.push([k * s, log ? num(10 ** (k * s)) : apart(+(k * s).toPrecision(12), s)]);
  return out;
};

// What was switched stays so when a live page loads itself again.
const kept = {}, here = location.pathname;
try { Object.assign(kept, JSON.parse(sessionStorage[here])); } catch { }
const keep = () => { try { sessionStorage[here] = JSON.stringify(kept); } catch { } };

function chart(figure, n) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const old = figure.querySelector("svg"), name = n + figure.querySelector("figcaption").textContent;
  const mine = kept[name] ||= { off: [], log: data.log }, off = new Set(mine.off), log = mine.log;
  let dots = [], svg = old, cursor, frame, span;
  const place = (v, axis) => log[axis] ? Math.log10(v) : v;
  const fits = p => p.every((v, i) => v !== null && isFinite(place(v, i)));
  const put = (name, attributes, text, parent = svg) => parent.appendChild(make(name, attributes, text, NS));
  const line = (c, x1, x2, y1, y2, g) => put("line", { class: c, x1, x2, y1, y2 }, undefined, g);
  const word = (x, y, anchor, text) => put("text", { x, y, "text-anchor": anchor }, text);
  const whole = [0, 1].map(i => data.series.every(s => s.p.every(p => p[i] === null || Number.isInteger(p[i]))));
  const at = (v, i) => !i && data.names ? (data.names[v] || [0, num(v)])[1] : !i && data.dates
    ? new Date(Math.round(1e3 * v)).toISOString().slice(0, span[0] < 320 ? 23 : span[0] < 2e4 ? 19 : 16).replace("T", " ").replace(/\.000$/, "")
    : log[i] ? num(v) : apart(v, span[i] / 1e3);
  const range = axis => {
    let low = Infinity, high = -Infinity;
    data.series.forEach((s, n) => off.has(n) || s.p.forEach(p => {
      if (fits(p)) { low = Math.min(low, place(p[axis], axis)); high = Math.max(high, place(p[axis], axis)); }
    }));
    if (!axis && data.names) return [-0.5, data.names.length - 0.5];
    if (low > high) return [0, 1];
    const room = high > low ? 0.04 * (high - low) : !log[axis] && !whole[axis] && Math.abs(low) / 2 || 0.5;
    return [low - room, high + room];
  };
  const draw = () => {
    const W = Math.max(260, figure.clientWidth), H = Math.round(Math.min(340, Math.max(220, W * 0.45)));
    const next = old.cloneNode();
    next.setAttribute("viewBox", `0 0 ${W} ${H}`);
    svg.replaceWith(next);
    svg = next;
    const [x0, x1] = range(0), [y0, y1] = range(1), ys = ticks(y0, y1, log[1], H / 36, whole[1]);
    const wide = Math.max(5, ...ys.map(t => t[1].length)), [l, u, r, b] = frame = [25 + 6.8 * wide, 10, W - 12, H - 40];
    span = [x1 - x0, y1 - y0];
    const X = v => l + (v - x0) / (x1 - x0) * (r - l);
    const Y = v => b - (v - y0) / (y1 - y0) * (b - u);
    const xs = data.dates || data.names || ticks(x0, x1, log[0], Math.max(3, (r - l) / 76), whole[0]);
    for (const [v, label] of xs.filter((t, i) => i % Math.ceil(xs.length * 80 / W) < 1)) {
      line("grid", X(v), X(v), u, b);
      word(Math.min(X(v), W - 3.5 * label.length), b + 15, "middle", label);
    }
    for (const [v, label] of ys) {
      line("grid", l, r, Y(v), Y(v));
      word(l - 5, Y(v) + 4, "end", label);
    }
    put("rect", { class: "frame", x: l, y: u, width: r - l, height: b - u });
    word((l + r) / 2, H - 6, "middle", data.x);
    put("text", { transform: `translate(12 ${(u + b) / 2}) rotate(-90)`, "text-anchor": "middle" }, data.y);
    for (const [row, [v, label]] of data.marks.entries()) {
      const x = X(place(v, 0));
      if (!(x >= l && x <= r)) continue;
      line("mark", x, x, u, b);
      const right = x > (l + r) / 2;
      put("text", { class: "note", x: x + (right ? -5 : 5), y: u + 13 + 15 * row, "text-anchor": right ? "end" : "start" }, label);
    }
    dots = [];
    data.series.forEach((s, n) => {
      if (off.has(n)) return;
      const runs = [[]];
      s.p.forEach((p, i) => {
        if (!fits(p)) return s.look === "line" && runs.unshift([]);
        const d = { x: X(place(p[0], 0)), y: Y(place(p[1], 1)), p, s, n, note: s.note || s.notes && s.notes[i] };
        runs[0].push(d);
        dots.push(d);
      });
      const look = s.rank === undefined ? { class: `s${n % 7}` } : { class: "rank" + (s.rank < 0.1 ? " best" : ""), style: `--r:${100 * s.rank}%` };
      for (const run of runs) {
        if (s.look !== "points" && run.length > 1) {
          let path = run;
          if (s.look === "front") {
            path = [...run].sort((a, b) => a.x - b.x);
            path = path.flatMap((d, i) => i ? [{ x: d.x, y: path[i - 1].y }, d] : [d]);
          }
          put("polyline", { ...look, points: path.map(d => `${d.x.toFixed(1)},${d.y.toFixed(1)}`).join(" ") });
        }
        if (s.look !== "line" || run.length < 2)
          run.forEach(d => put("circle", { ...look, cx: d.x, cy: d.y, r: s.look === "front" ? 5 : 3.5 }));
      }
    });
    cursor = put("g", { class: "cursor" });
    svg.addEventListener("pointermove", hover);
    svg.addEventListener("pointerdown", hover);
    svg.addEventListener("pointerleave", () => fixed || cursor.replaceChildren());
  };
  const hover = e => {
    if (fixed) return;
    const r = svg.getBoundingClientRect(), k = svg.viewBox.baseVal.width / r.width;
    const x = (e.clientX - r.left) * k, y = (e.clientY - r.top) * k;
    cursor.replaceChildren();
    const noted = dots.some(d => d.note);
    const far = d => noted ? Math.hypot(d.x - x, d.y - y) : Math.abs(d.x - x);
    let best = null;
    for (const d of dots) if (!best || far(d) < far(best)) best = d;
    if (!best || x < frame[0] - 8 || far(best) > (noted ? 40 : 1e9)) return hide();
    let same = [best];
    if (!noted) {
      same = dots.filter(d => d.p[0] === best.p[0]);
      line("mark", best.x, best.x, frame[1], frame[3], cursor);
    }
    same.forEach(d => put("circle", { cx: d.x, cy: d.y, r: 6 }, undefined, cursor));
    const lines = noted
      ? [best.s.name, `${data.x}: ${at(best.p[0], 0)}`, `${data.y}: ${at(best.p[1], 1)}`, best.note]
      : [`${data.x}: ${at(best.p[0], 0)}`, ...same.slice(0, 12).map(d => `${d.s.name}: ${at(d.p[1], 1)}`)];
    show(lines.filter(l => l).join("\n"), e.clientX, e.clientY);
  };
  const tools = figure.querySelector(".tools");
  all("span", tools).forEach((span, n) => {
    const b = make("button", { class: span.className, "aria-pressed": !off.has(n) }, span.textContent);
    b.onclick = () => {
      off.has(n) ? off.delete(n) : off.add(n);
      b.setAttribute("aria-pressed", !off.has(n));
      mine.off = [...off];
      keep();
      draw();
    };
    span.replaceWith(b);
  });
  ["x", "y"].forEach((name, axis) => {
    const values = data.series.flatMap(s => s.p.map(p => p[axis])).filter(v => v !== null);
    if (!axis && (data.names || data.dates) || !values.length || values.some(v => v <= 0) || values.reduce((a, b) => Math.max(a, b)) < 3 * values.reduce((a, b) => Math.min(a, b))) return;
    const b = make("button", { class: "log", "aria-pressed": log[axis] }, `log ${name}`);
    b.onclick = () => { log[axis] = !log[axis]; b.setAttribute("aria-pressed", log[axis]); keep(); draw(); };
    tools.append(b);
  });
  draw();
  let width = figure.clientWidth;
  addEventListener("resize", () => { if (figure.clientWidth !== width) width = figure.clientWidth, draw(); });
}
all("figure.chart").forEach(chart);

// Tables: a click on a head sorts; many rows can be filtered.
all("table.data").forEach(table => {
  const body = table.tBodies[0], rows = [...body.rows];
  const value = (row, c) => {
    const t = row.cells[c] ? row.cells[c].textContent.trim() : "", n = parseFloat(t.replace("−", "-"));
    return isNaN(n) ? t.toLowerCase() : n;
  };
  all("thead th", table).forEach((th, c) => {
    th.tabIndex = 0;
    const sort = () => {
      const down = th.getAttribute("aria-sort") === "ascending";
      all("th", table).forEach(o => o.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sorted = [...rows].sort((a, b) => {
        const u = value(a, c), v = value(b, c);
        if (typeof u !== typeof v) return typeof u === "number" ? -1 : 1;
        return (u < v ? -1 : u > v ? 1 : 0) * (down ? -1 : 1);
      });
      body.append(...sorted);
    };
    th.onclick = sort;
    th.onkeydown = e => e.key === "Enter" && sort();
  });
  if (rows.length > 8) {
    const input = make("input", { type: "search", placeholder: "filter rows", "aria-label": "filter rows" });
    input.oninput = () => rows.forEach(row => { row.hidden = !row.textContent.toLowerCase().includes(input.value.toLowerCase()); });
    table.parentElement.before(input);
  }
});
})();
