#include "dspy/base/error.hpp"
#include "dspy/retrieve/documents/document.hpp"
#include "retrieve/documents/markdown_writer.hpp"
#include "retrieve/documents/readers.hpp"

#include <pugixml.hpp>
#include <zip.h>

#include <cstddef>
#include <cstdint>
#include <format>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Word documents (ECMA-376): a zip archive whose `word/document.xml` holds paragraphs and tables.

namespace dspy::documents {
namespace {

using Archive = std::unique_ptr<zip_t, decltype([](zip_t* zip) { zip_discard(zip); })>;
using Entry = std::unique_ptr<zip_file_t, decltype([](zip_file_t* file) { zip_fclose(file); })>;

[[noreturn]] void damaged(std::string_view why) {
  throw Error(Errc::bad_input, std::format("it is not a Word document, or damaged: {}; open and save it again", why));
}

Archive open_archive(std::string_view bytes) {
  zip_error_t error;
  zip_error_init(&error);
  auto* const source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* const zip = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error);
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (zip == nullptr) {
    if (source != nullptr) zip_source_free(source);
    damaged(why);
  }
  return Archive(zip);
}

/// An entry of the archive, unpacked; nothing if it is not there.
std::optional<std::string> unpacked(zip_t* archive, const char* name, std::uintmax_t most) {
  const Entry entry(zip_fopen(archive, name, 0));
  if (!entry) return {};
  std::string out;
  std::vector<char> buffer(std::size_t{1} << 16);
  for (;;) {
    const auto count = zip_fread(entry.get(), buffer.data(), buffer.size());
    if (count < 0) damaged(std::format("`{}` cannot be unpacked", name));
    if (count == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(count));
    if (out.size() > most)
      throw Error(Errc::io_error,
                  std::format("`{}` in it has more than {} bytes unpacked (DocumentOptions::max_bytes)", name, most));
  }
}

pugi::xml_document parsed(const std::string& xml, std::string_view name) {
  pugi::xml_document out;
  const auto result = out.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata);
  if (!result) damaged(std::format("`{}`: {}", name, result.description()));
  return out;
}

/// Levels of headings by the id of their style: `Heading1` and its like in other languages are told by their outline
/// level or by their English name.
std::map<std::string, std::size_t, std::less<>> heading_styles(zip_t* archive, std::uintmax_t most) {
  std::map<std::string, std::size_t, std::less<>> out;
  const auto xml = unpacked(archive, "word/styles.xml", most);
  if (!xml) return out;
  const auto styles = parsed(*xml, "word/styles.xml");
  for (const auto style : styles.child("w:styles").children("w:style")) {
    const std::string id = style.attribute("w:styleId").value();
    const std::string_view name = style.child("w:name").attribute("w:val").value();
    const auto outline = style.child("w:pPr").child("w:outlineLvl").attribute("w:val");
    if (outline && outline.as_uint(9) < 6) {
      out[id] = outline.as_uint() + 1;
    } else if (name.starts_with("heading ") && name.size() == 9 && name[8] >= '1' && name[8] <= '6') {
      out[id] = static_cast<std::size_t>(name[8] - '0');
    } else if (name == "Title") {
      out[id] = 1;
    }
  }
  return out;
}

/// The text of a paragraph; what was deleted under change tracking (`w:delText`) is not text.
class ParagraphText : public pugi::xml_tree_walker {
 public:
  std::string text;

  bool for_each(pugi::xml_node& node) override {
    const std::string_view name = node.name();
    if (name == "w:t") text += node.text().get();
    if (name == "w:tab") text += ' ';
    if (name == "w:br" || name == "w:cr") text += '\n';
    if (name == "w:noBreakHyphen") text += '-';
    return true;
  }
};

std::string text_of(pugi::xml_node node) {
  ParagraphText walk;
  node.traverse(walk);
  return walk.text;
}

class Body {
 public:
  explicit Body(std::map<std::string, std::size_t, std::less<>> headings) : headings_(std::move(headings)) {}

  void write(pugi::xml_node parent) {
    for (const auto node : parent.children()) {
      const std::string_view name = node.name();
      if (name == "w:p") paragraph(node);
      if (name == "w:tbl") table(node);
      if (name == "w:sdt") write(node.child("w:sdtContent"));
    }
  }

  std::string take() { return out_.take(); }

 private:
  void paragraph(pugi::xml_node node) {
    const auto text = text_of(node);
    const auto properties = node.child("w:pPr");
    const auto style = headings_.find(std::string_view(properties.child("w:pStyle").attribute("w:val").value()));
    if (style != headings_.end()) {
      out_.heading(style->second, text);
    } else if (const auto list = properties.child("w:numPr")) {
      out_.item(list.child("w:ilvl").attribute("w:val").as_uint(0), "-", text);
    } else {
      out_.paragraph(text);
    }
  }

  void table(pugi::xml_node node) {
    std::vector<std::vector<std::string>> rows;
    for (const auto row : node.children("w:tr")) {
      auto& cells = rows.emplace_back();
      for (const auto cell : row.children("w:tc")) {
        auto& out = cells.emplace_back();
        for (const auto part : cell.children("w:p")) out += (out.empty() ? "" : " ") + text_of(part);
      }
    }
    out_.table(rows);
  }

  std::map<std::string, std::size_t, std::less<>> headings_;
  MarkdownWriter out_;
};

}  // namespace

TextDocument read_docx(std::string_view bytes, const DocumentOptions& options) {
  const auto archive = open_archive(bytes);
  const auto xml = unpacked(archive.get(), "word/document.xml", options.max_bytes);
  if (!xml) damaged("the archive has no `word/document.xml`");
  const auto document = parsed(*xml, "word/document.xml");
  Body body(heading_styles(archive.get(), options.max_bytes));
  body.write(document.child("w:document").child("w:body"));
  TextDocument out{.text = body.take()};
  if (const auto core = unpacked(archive.get(), "docProps/core.xml", options.max_bytes))
    out.title =
        collapsed(parsed(*core, "docProps/core.xml").child("cp:coreProperties").child("dc:title").text().get(), false);
  if (out.title.empty()) out.title = first_heading(out.text);
  return out;
}

}  // namespace dspy::documents
