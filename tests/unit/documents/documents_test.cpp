#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/documents/document.hpp"

#include <doctest/doctest.h>
#include <zip.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

std::vector<TextDocument> parse(std::string_view bytes, DocumentFormat format, const DocumentOptions& options = {}) {
  return parse_documents(bytes, format, "a.file", options);
}

struct TemporaryFile {
  std::filesystem::path path;

  TemporaryFile(const std::string& name, std::string_view bytes)
      : path(std::filesystem::temp_directory_path() / ("dspy-documents-" + name)) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

/// A Word document of the given parts.
std::string docx(const std::vector<std::pair<std::string, std::string>>& parts) {
  const auto path = std::filesystem::temp_directory_path() / "dspy-documents-made.docx";
  std::filesystem::remove(path);
  int code = 0;
  auto* const zip = zip_open(path.c_str(), ZIP_CREATE, &code);
  REQUIRE(zip != nullptr);
  for (const auto& [name, text] : parts) {
    auto* const source = zip_source_buffer(zip, text.data(), text.size(), 0);
    REQUIRE(zip_file_add(zip, name.c_str(), source, 0) >= 0);
  }
  REQUIRE(zip_close(zip) == 0);
  std::ifstream in(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::filesystem::remove(path);
  return bytes;
}

/// A PDF of one page for each text, as small as one can be.
std::string pdf(const std::vector<std::string>& pages) {
  std::string out = "%PDF-1.4\n";
  std::vector<std::size_t> places;
  const auto add = [&](const std::string& body) {
    places.push_back(out.size());
    out += std::to_string(places.size()) + " 0 obj\n" + body + "\nendobj\n";
  };
  std::string kids;
  for (std::size_t i = 0; i < pages.size(); ++i) kids += std::to_string(4 + 2 * i) + " 0 R ";
  add("<< /Type /Catalog /Pages 2 0 R >>");
  add("<< /Type /Pages /Kids [" + kids + "] /Count " + std::to_string(pages.size()) + " >>");
  add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto text = "BT /F1 12 Tf 20 100 Td (" + pages[i] + ") Tj ET";
    add("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Resources << /Font << /F1 3 0 R >> >> /Contents " +
        std::to_string(5 + 2 * i) + " 0 R >>");
    add("<< /Length " + std::to_string(text.size()) + " >>\nstream\n" + text + "\nendstream");
  }
  const auto table = out.size();
  out += "xref\n0 " + std::to_string(places.size() + 1) + "\n0000000000 65535 f \n";
  for (const auto place : places) {
    auto digits = std::to_string(place);
    out += std::string(10 - digits.size(), '0') + digits + " 00000 n \n";
  }
  return out + "trailer\n<< /Size " + std::to_string(places.size() + 1) + " /Root 1 0 R >>\nstartxref\n" +
         std::to_string(table) + "\n%%EOF\n";
}

}  // namespace

TEST_CASE("Text and Markdown are read as they are") {
  const auto text = parse("\xEF\xBB\xBFone\r\ntwo", DocumentFormat::text);
  REQUIRE(text.size() == 1);
  CHECK(text[0].text == "one\r\ntwo");
  CHECK(text[0].first_line == 1);
  CHECK(text[0].source == "a.file");
  CHECK(parse("intro\n\n## The *title* ##\n", DocumentFormat::markdown)[0].title == "The *title*");
}

TEST_CASE("HTML becomes Markdown, without what is not its text") {
  const auto found = parse(
      "<!doctype html><title>A &amp; B</title><style>x</style><nav>menu</nav><h1>Head<br>line</h1>"
      "<p>One <b>bold</b>\n  word.<p># two<ul><li>a<li>b<ol><li>c</ol></ul><pre>x &lt;\n  y</pre><script>z</script>"
      "<table><tr><th>k<th>v<tr><td>1<td>a|b</table><blockquote><p>said</blockquote>tail",
      DocumentFormat::html);
  CHECK(found[0].title == "A & B");
  CHECK(
      found[0].text ==
      "# Head line\n\nOne bold word.\n\n\\# two\n\n- a\n- b\n  1. c\n\n```\nx <\n  y\n```\n\n| k | v |\n| --- | --- |\n"
      "| 1 | a\\|b |\n\nsaid\n\ntail\n");
  CHECK(found[0].first_line == 0);
  CHECK(found[0].is_markdown());
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "<div>";
  CHECK(parse(deep + "bottom", DocumentFormat::html)[0].text == "bottom\n");
}

TEST_CASE("Tables and JSONL give a document a record") {
  const auto csv =
      parse("name,text,year\r\nA,\"one, \"\"two\"\"\nlines\",2020\r\n\r\nB,three,2021\r\n", DocumentFormat::csv);
  REQUIRE(csv.size() == 2);
  CHECK(csv[0].text == "one, \"two\"\nlines");
  CHECK(csv[0].metadata == JsonObject{{"name", "A"}, {"year", "2020"}});
  CHECK(csv[1].part == 3);
  CHECK(csv[1].first_line == 5);
  const auto tsv = parse("a\tb\n1\t\n", DocumentFormat::tsv);
  CHECK(tsv[0].text == "a: 1");
  CHECK(tsv[0].metadata == JsonObject{{"a", "1"}, {"b", ""}});
  const auto jsonl =
      parse("{\"body\": \"x\", \"n\": 2}\n\n{\"body\": \"y\"}", DocumentFormat::jsonl, {.text_field = "body"});
  REQUIRE(jsonl.size() == 2);
  CHECK(jsonl[0].text == "x");
  CHECK(jsonl[0].metadata == JsonObject{{"n", 2}});
  CHECK(jsonl[1].first_line == 3);
  CHECK(parse("{\"a\": 1, \"b\": [2]}", DocumentFormat::jsonl)[0].text == "a: 1\nb: [2]");
}

TEST_CASE("DOCX becomes Markdown by the styles of its paragraphs") {
  const auto bytes = docx(
      {{"word/document.xml",
        "<w:document xmlns:w=\"w\"><w:body><w:p><w:pPr><w:pStyle "
        "w:val=\"berschrift1\"/></w:pPr><w:r><w:t>Head</w:t></w:r>"
        "</w:p><w:p><w:r><w:t>One </w:t></w:r><w:r><w:t xml:space=\"preserve\">two &amp; three</w:t></w:r><w:del><w:r>"
        "<w:delText>gone</w:delText></w:r></w:del></w:p><w:p><w:pPr><w:numPr><w:ilvl "
        "w:val=\"0\"/></w:numPr></w:pPr><w:r>"
        "<w:t>item</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>k</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>v"
        "</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>"},
       {"word/styles.xml",
        "<w:styles xmlns:w=\"w\"><w:style w:styleId=\"berschrift1\"><w:name w:val=\"heading "
        "1\"/></w:style></w:styles>"}});
  const auto found = parse(bytes, DocumentFormat::docx);
  CHECK(found[0].text == "# Head\n\nOne two & three\n\n- item\n\n| k | v |\n| --- | --- |\n");
  CHECK(found[0].title == "Head");
  CHECK_THROWS_AS(parse(bytes.substr(0, bytes.size() / 2), DocumentFormat::docx), Error);
  CHECK_THROWS_AS(parse(docx({{"other", "x"}}), DocumentFormat::docx), Error);
  CHECK_THROWS_AS(parse(bytes, DocumentFormat::docx, {.max_bytes = 100}), Error);
}

TEST_CASE("A PDF gives a document a page, where poppler is installed") {
  const TemporaryFile file("two.pdf", pdf({"First page here", "Second page"}));
  CHECK_THROWS_AS(read_documents(file.path, {.pdf_program = "no-such-program-of-dspy"}), Error);
  if (std::system("pdftotext -v >/dev/null 2>&1") != 0) return;
  const auto found = read_documents(file.path);
  REQUIRE(found.size() == 2);
  CHECK(found[0].text.starts_with("First page here"));
  CHECK(found[1].part == 2);
  const TemporaryFile broken("broken.pdf", "no PDF at all");
  CHECK_THROWS_AS(read_documents(broken.path), Error);
}

TEST_CASE("What cannot be read is refused by name and reason") {
  const auto message = [](std::string_view bytes, DocumentFormat format, const DocumentOptions& options = {}) {
    try {
      parse(bytes, format, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(std::string_view("a\0b", 3), DocumentFormat::text) ==
        "`a.file`: byte 1 is zero, so this is not text but a binary file");
  CHECK(message("caf\xE9", DocumentFormat::text).starts_with("`a.file`: byte 3 is not UTF-8; convert"));
  CHECK(message(" \n\t", DocumentFormat::markdown) == "`a.file`: there is no text in it");
  CHECK(message("a,b\n1", DocumentFormat::csv) == "`a.file`: line 2: 1 cells where the header names 2 columns");
  CHECK(message("a,a\n1,2", DocumentFormat::csv) == "`a.file`: line 1: two columns are called `a`");
  CHECK(message("a\n\"x", DocumentFormat::csv) == "`a.file`: line 2: a quote is opened and never closed");
  CHECK(message("{\"a\": 1}\n[1]", DocumentFormat::jsonl) == "`a.file`: line 2 is not a JSON object");
  CHECK(message("a\n1", DocumentFormat::csv, {.text_field = "t"}) ==
        "`a.file`: there is no column `t`; the columns are `a`");
  CHECK(document_format("x/y.MD") == DocumentFormat::markdown);
  CHECK_FALSE(document_format("x.exe"));
  CHECK_THROWS_AS(read_documents("/no/such/file.md"), Error);
  CHECK_THROWS_AS(read_documents("README"), Error);
}
