// Every word that was typed must begin a word of the heading, the page's title or the text below; headings count most.
const field = document.getElementById("search");
const list = document.getElementById("found");
const most = 20;

function weight(entry, words) {
  const [, title, head, text] = entry.map((part) => part.toLowerCase());
  let sum = 0;
  for (const word of words) {
    const begins = (where) => where.startsWith(word) || new RegExp("[^\\p{L}\\p{N}]" + RegExp.escape(word), "u").test(where);
    const found = (begins(head) ? 8 : 0) + (begins(title) ? 4 : 0) + (begins(text) ? 1 : 0);
    if (found === 0) return 0;
    sum += found;
  }
  return sum;
}

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  list.replaceChildren();
  list.hidden = words.length === 0;
  if (list.hidden) return;
  const found = INDEX.map((entry) => [weight(entry, words), entry]).filter(([sum]) => sum > 0);
  found.sort((a, b) => b[0] - a[0]);
  for (const [, [path, title, head, text]] of found.slice(0, most)) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = UP + path;
    link.textContent = head === title ? title : `${title}: ${head}`;
    const small = document.createElement("small");
    small.textContent = text.slice(0, 90);
    item.append(link, small);
    list.append(item);
  }
  if (found.length === 0) list.textContent = "Nothing was found.";
}

// Older browsers have no RegExp.escape.
RegExp.escape ??= (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
field.addEventListener("input", search);
