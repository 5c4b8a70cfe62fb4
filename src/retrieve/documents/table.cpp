#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "retrieve/documents/readers.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Records as documents: those of CSV (RFC 4180) and TSV with a header, and those of JSONL.

namespace dspy::documents {
namespace {

struct Record {
  std::size_t line = 1;
  std::vector<std::string> cells = {};
};

/// Takes records off a text.
class Records {
 public:
  Records(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}

  std::optional<Record> next() {
    if (at_ >= text_.size()) return {};
    Record record{.line = line_, .cells = {}};
    for (;;) {
      record.cells.push_back(cell(record.line));
      if (at_ < text_.size() && text_[at_] == delimiter_) {
        ++at_;
        continue;
      }
      end_line();
      return record;
    }
  }

 private:
  std::string cell(std::size_t record_line) {
    if (at_ < text_.size() && text_[at_] == '"') return quoted(record_line);
    const auto end = std::min(text_.find_first_of(std::string{delimiter_, '\r', '\n'}, at_), text_.size());
    std::string out(text_.substr(at_, end - at_));
    at_ = end;
    return out;
  }

  std::string quoted(std::size_t record_line) {
    std::string out;
    ++at_;
    for (;;) {
      if (at_ >= text_.size())
        throw Error(Errc::bad_input, std::format("line {}: a quote is opened and never closed", record_line));
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (c != '"') {
        out += c;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        out += '"';
        ++at_;
      } else {
        break;
      }
    }
    if (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\r' && text_[at_] != '\n')
      throw Error(Errc::bad_input,
                  std::format("line {}: text follows a closing quote; double the quotes within a cell", line_));
    return out;
  }

  void end_line() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  std::string_view text_;
  char delimiter_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

std::string as_text(const Json& value) {
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

/// One record: its text field is the text, the rest metadata; without such a field all of it is text.
TextDocument from_record(const JsonObject& values, std::size_t part, std::size_t line, const std::string& text_field) {
  TextDocument document{.part = part, .first_line = line};
  if (!text_field.empty()) {
    for (const auto& [name, value] : values) {
      if (name == text_field) {
        document.text = value.is_null() ? std::string() : as_text(value);
      } else {
        document.metadata[name] = value;
      }
    }
    return document;
  }
  for (const auto& [name, value] : values) {
    if (value.is_null() || (value.is_string() && value.get_string().empty())) continue;
    if (!document.text.empty()) document.text += '\n';
    document.text += std::format("{}: {}", std::string_view(name), as_text(value));
  }
  document.metadata = values;
  return document;
}

}  // namespace

std::vector<TextDocument> read_table(std::string_view text, char delimiter, const DocumentOptions& options) {
  Records records(text, delimiter);
  const auto header = records.next();
  if (!header) return {};
  auto names = header->cells;
  for (auto& name : names) name = std::string(text::trim(name));
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty())
      throw Error(Errc::bad_input,
                  std::format("line 1: column {} has no name; the first line names the columns", i + 1));
    if (std::ranges::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i))
      throw Error(Errc::bad_input, std::format("line 1: two columns are called `{}`", names[i]));
  }
  auto field = options.text_field;
  if (field.empty() && std::ranges::find(names, "text") != names.end()) field = "text";
  if (!field.empty() && std::ranges::find(names, field) == names.end())
    throw Error(Errc::bad_input,
                std::format("there is no column `{}`; the columns are {}", field, text::enumerate(names, "`", "and")));
  std::vector<TextDocument> out;
  for (std::size_t part = 1; auto record = records.next(); ++part) {
    if (record->cells.size() == 1 && text::trim(record->cells[0]).empty()) continue;
    if (record->cells.size() != names.size())
      throw Error(Errc::bad_input, std::format("line {}: {} cells where the header names {} columns", record->line,
                                               record->cells.size(), names.size()));
    JsonObject values;
    for (std::size_t i = 0; i < names.size(); ++i) values[names[i]] = std::move(record->cells[i]);
    out.push_back(from_record(values, part, record->line, field));
  }
  return out;
}

std::vector<TextDocument> read_jsonl(std::string_view text, const DocumentOptions& options) {
  std::vector<TextDocument> out;
  for (std::size_t line = 1, part = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto row = text::trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.empty()) continue;
    const auto value = parse_json(row);
    if (!value) throw Error(Errc::bad_input, std::format("line {}: {}", line, value.error().message));
    if (!value->is_object()) throw Error(Errc::bad_input, std::format("line {} is not a JSON object", line));
    const auto& object = value->get_object();
    auto field = options.text_field;
    if (field.empty() && object.contains("text")) field = "text";
    if (!field.empty() && !object.contains(field))
      throw Error(Errc::bad_input, std::format("line {} has no member `{}`", line, field));
    out.push_back(from_record(object, part++, line, field));
  }
  return out;
}

}  // namespace dspy::documents
