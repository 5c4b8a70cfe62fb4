// node embed.js <dist> <out.cpp>: the built page as C++, each file as it is and compressed.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";

const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".md": "text/plain; charset=utf-8" };

const [dist, out] = process.argv.slice(2);
const names = ["index.html", ...readdirSync(join(dist, "assets")).sort().map((name) => `assets/${name}`)];
const arrays = [];
const rows = [];
for (const [at, name] of names.entries()) {
  const type = types[extname(name)];
  if (!type) throw new Error(`${name}: no type is known for it`);
  const bytes = readFileSync(join(dist, name));
  const gzip = gzipSync(bytes, { level: 9 });
  gzip[9] = 255; // the operating system that compressed it: not said, so that every machine writes the same
  const small = gzip.length < bytes.length ? gzip : Buffer.alloc(0);
  const etag = createHash("sha256").update(bytes).digest("hex").slice(0, 20);
  arrays.push(array(`bytes_${at}`, bytes));
  if (small.length > 0) arrays.push(array(`gzip_${at}`, small));
  const path = name === "index.html" ? "/" : `/${name}`;
  rows.push(`    {.path = "${path}", .type = "${type}", .etag = "\\"${etag}\\"", .bytes = {bytes_${at}, ${bytes.length}}, .gzip = ${small.length > 0 ? `{gzip_${at}, ${small.length}}` : "{}"}},`);
}

// The terminating zero that a literal has is left out of the sizes in the table.
function array(name, bytes) {
  const lines = [];
  for (let from = 0; from < bytes.length; from += 120) lines.push(`    "${[...bytes.subarray(from, from + 120)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("")}"`);
  return `constexpr char ${name}[] =\n${lines.join("\n")};\n`;
}

writeFileSync(
  out,
  `#include "dspy/server/page.hpp"

#include <array>
#include <span>

namespace dspy::server {
namespace {

${arrays.join("\n")}
constexpr std::array<PageFile, ${rows.length}> files = {{
${rows.join("\n")}
}};

}  // namespace

std::span<const PageFile> page_files() noexcept {
  return files;
}

}  // namespace dspy::server
`,
);
