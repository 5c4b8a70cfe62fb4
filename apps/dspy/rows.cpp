#include "rows.hpp"

#include "command.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

using Visit = std::function<void(Row row)>;

constexpr std::uintmax_t longest = std::uintmax_t{1} << 30;

Row row_of(std::size_t line, std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return {line, {}, std::format("is not JSON: {} at byte {}", json.error().message, json.error().position)};
  if (!json->is_object()) return {line, {}, "is no JSON object"};
  if (const auto repeated = repeated_member(text))
    return {line, {}, std::format("is ambiguous: {} at byte {}", repeated->message, repeated->position)};
  return {line, json->get_object()};
}

void each_json_line(const std::filesystem::path& path, const Visit& visit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Errc::io_error, std::format("cannot read `{}`; check the path", path.string()));
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const auto text = number == 1 ? text::without_byte_order_mark(line) : std::string_view(line);
    if (!text::trim(text).empty()) visit(row_of(number, text));
  }
}

/// The lines on which the items of a JSON list begin.
std::vector<std::size_t> lines_of_items(std::string_view text) {
  std::vector<std::size_t> out;
  std::size_t line = 1;
  std::size_t depth = 0;
  bool is_awaited = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (depth == 1 && is_awaited && c != ']') {
      out.push_back(line);
      is_awaited = false;
    }
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
    } else if (c == '[' || c == '{') {
      is_awaited = depth++ == 0;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth == 1) {
      is_awaited = true;
    }
  }
  return out;
}

void each_json_item(const std::filesystem::path& path, const Visit& visit) {
  const auto text = read_text(path, longest);
  const auto json = parse_json(text);
  if (!json || !json->is_array()) {
    throw Error(Errc::bad_input, json ? std::format("`{}` holds no list of rows", path.string())
                                      : std::format("`{}` is not JSON: {} at byte {}", path.string(),
                                                    json.error().message, json.error().position));
  }
  if (const auto repeated = repeated_member(text)) {
    throw Error(Errc::bad_input,
                std::format("`{}` is ambiguous: {} at byte {}", path.string(), repeated->message, repeated->position));
  }
  const auto lines = lines_of_items(text);
  for (std::size_t i = 0; i < json->get_array().size(); ++i) {
    const auto& item = json->get_array()[i];
    visit(item.is_object() ? Row{lines[i], item.get_object()} : Row{lines[i], {}, "is no JSON object"});
  }
}

/// Takes records off a CSV text.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  std::size_t line() const noexcept { return line_; }

  /// The cells of the next record; nothing at the end.  `problem` is set if a quote is never closed.
  std::optional<std::vector<std::string>> next(std::string& problem) {
    if (at_ >= text_.size()) return std::nullopt;
    std::vector<std::string> cells(1);
    bool is_quoted = false;
    line_ += breaks_;
    breaks_ = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++breaks_;
      if (is_quoted) {
        if (c != '"') {
          cells.back() += c;
        } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
          cells.back() += '"';
          ++at_;
        } else {
          is_quoted = false;
        }
      } else if (c == '"' && cells.back().empty()) {
        is_quoted = true;
      } else if (c == ',') {
        cells.emplace_back();
      } else if (c == '\n') {
        ++at_;
        break;
      } else if (c != '\r' || at_ + 1 >= text_.size() || text_[at_ + 1] != '\n') {
        cells.back() += c;
      }
    }
    if (is_quoted) problem = "has a quote that is never closed";
    return cells;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t breaks_ = 0;
};

Row row_of(const std::vector<std::string>& names, const std::vector<std::string>& cells, const Signature& signature) {
  Row row;
  if (cells.size() != names.size()) {
    row.problem = std::format("has {} cells, and the header {}", cells.size(), names.size());
    return row;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto* field = signature.find(names[i]);
    const bool is_text = field == nullptr || field->type.required().kind == Type::Kind::string;
    if (cells[i].empty() && (!is_text || !field || !field->is_required())) continue;
    const auto value = attempt([&] { return field == nullptr ? Json(cells[i]) : typed_value(*field, cells[i]); });
    row.values[names[i]] = value ? *value : Json(cells[i]);  // text where another type is wanted is told later
  }
  return row;
}

void each_csv_row(const std::filesystem::path& path, const Signature& signature, const Visit& visit) {
  const auto text = read_text(path, longest);
  CsvReader reader(text);
  std::string problem;
  const auto names = reader.next(problem);
  if (!names)
    throw Error(Errc::bad_input, std::format("`{}` is empty; its first line must name the columns", path.string()));
  for (auto name = names->begin(); name != names->end(); ++name) {
    if (std::find(names->begin(), name, *name) != name)
      throw Error(Errc::bad_input, std::format("`{}` has two columns `{}`; rename one", path.string(), *name));
  }
  while (const auto cells = reader.next(problem)) {
    if (cells->size() == 1 && cells->front().empty()) continue;
    auto row = row_of(*names, *cells, signature);
    row.line = reader.line();
    if (!problem.empty()) row.problem = std::exchange(problem, {});
    visit(std::move(row));
  }
}

}  // namespace

void each_row(const std::filesystem::path& path, const Signature& signature, const Visit& visit) {
  const auto ending = path.extension().string();
  if (ending == ".jsonl" || ending == ".ndjson") return each_json_line(path, visit);
  if (ending == ".json") return each_json_item(path, visit);
  if (ending == ".csv") return each_csv_row(path, signature, visit);
  throw Error(Errc::bad_input,
              std::format("`{}` ends neither in .jsonl nor in .json or .csv; rename it", path.string()));
}

}  // namespace dspy::app
