/* What our pages share: show what the server says, ask again while somebody looks, and tell time in the reader's zone. */
const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

export const at = (id) => document.getElementById(id);

function tell(element, moment) {
  const words = moment ? when.format(new Date(moment)) : element.dataset.none || "–";
  if (moment) element.dateTime = moment; else element.removeAttribute("datetime");
  if (element.textContent !== words) element.textContent = words;
}

function cell(value, name, tag) {
  const made = document.createElement(tag);
  if (tag === "th") made.scope = "row";
  if (name) made.className = name;
  if (value && typeof value === "object") {
    const time = document.createElement("time");
    tell(time, value.at);
    made.append(time);
  } else made.textContent = value;
  return made;
}

function fillRows(body, rows) {
  const names = (body.dataset.cells || "").split(",");
  body.replaceChildren(...rows.map((row) => {
    const made = document.createElement("tr");
    made.append(...row.map((value, index) => cell(value, names[index], index ? "td" : "th")));
    return made;
  }));
}

/* Put what the server says into the elements that name it. */
export function fill(shown) {
  const each = (name, act) => document.querySelectorAll(`[data-${name}]`).forEach((found) => {
    const known = shown[name];
    if (known && found.dataset[name] in known) act(found, known[found.dataset[name]]);
  });
  each("text", (found, words) => { if (found.textContent !== words) found.textContent = words; });
  each("time", tell);
  each("look", (found, look) => { found.className = `state ${look}`; });
  each("rows", fillRows);
  each("link", (found, link) => { if (link) found.href = link; else found.removeAttribute("href"); });
  each("value", (found, value) => { if (value === null) found.removeAttribute("value"); else found.value = value; });
  each("is", (found, is) => { found.hidden = !is; });
  each("step", (found, step) => { found.className = step; });
}

/* Ask, show, and ask again after as long as the answer says; silent while nobody can see the page. */
export function follow(ask, failed, first) {
  let timer = 0;
  let failures = 0;
  const soon = (seconds) => { clearTimeout(timer); timer = setTimeout(turn, seconds * 1000); };
  async function turn() {
    clearTimeout(timer);
    if (document.hidden) return; // visibilitychange brings us back
    try {
      const shown = await ask();
      failures = 0;
      fill(shown);
      if (shown.again) soon(shown.again);
    } catch (error) {
      failures += 1;
      if (failed(error)) soon(Math.min(60, 2 ** failures));
    }
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
  if (first) soon(first); else turn();
  return { now: turn, stop: () => clearTimeout(timer) };
}

document.querySelectorAll("time[datetime]").forEach((found) => tell(found, found.dateTime));
