#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/type.hpp"
#include "evaluate/cells.hpp"
#include "evaluate/csv.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Visit = std::function<void(DataRow row)>;

constexpr std::uintmax_t longest = std::uintmax_t{1} << 30;

std::ifstream open(const std::filesystem::path& path) {
  std::error_code code;
  std::ifstream in;
  if (!std::filesystem::is_directory(path, code)) in.open(path, std::ios::binary);
  if (!in.is_open()) throw Error(Errc::io_error, std::format("cannot read `{}`; check the path", path.string()));
  return in;
}

DataRow row_of(std::size_t line, std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return {line, {}, std::format("is not JSON: {} at byte {}", json.error().message, json.error().position)};
  if (!json->is_object()) return {line, {}, "is not a JSON object"};
  if (const auto repeated = repeated_member(text))
    return {line, {}, std::format("is ambiguous: {} at byte {}", repeated->message, repeated->position)};
  return {line, json->get_object()};
}

void each_json_line(const std::filesystem::path& path, const Visit& visit) {
  auto in = open(path);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const auto text = number == 1 ? text::without_byte_order_mark(line) : std::string_view(line);
    if (!text::trim(text).empty()) visit(row_of(number, text));
  }
  if (in.bad())
    throw Error(Errc::io_error, std::format("cannot read all of `{}`; check the disk and try again", path.string()));
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
    visit(item.is_object() ? DataRow{lines[i], item.get_object()} : DataRow{lines[i], {}, "is not a JSON object"});
  }
}

DataRow row_of(const std::vector<std::string>& names, const CsvReader::Record& record, const Signature* signature) {
  DataRow row{.line = record.line};
  const auto& cells = record.cells;
  if (record.is_unclosed) {
    row.problem = "has a quote that is never closed";
    return row;
  }
  if (cells.size() != names.size()) {
    row.problem = std::format("has {} cells, and the header {}", cells.size(), names.size());
    return row;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto* const field = signature != nullptr ? signature->find(names[i]) : nullptr;
    if (auto value = cell_value(field, cells[i])) row.values[names[i]] = *std::move(value);
  }
  return row;
}

void each_csv_row(const std::filesystem::path& path, const Signature* signature, const Visit& visit) {
  auto in = open(path);
  CsvReader reader(in);
  const auto header = reader.next();
  if (!header)
    throw Error(Errc::bad_input, std::format("`{}` is empty; its first line must name the columns", path.string()));
  const auto& names = header->cells;
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (std::find(names.begin(), name, *name) != name)
      throw Error(Errc::bad_input, std::format("`{}` has two columns `{}`; rename one", path.string(), *name));
  }
  while (const auto record = reader.next()) {
    if (record->is_blank) continue;
    visit(row_of(names, *record, signature));
  }
}

}  // namespace

void each_row(const std::filesystem::path& path, const Signature* signature, const Visit& visit) {
  const auto ending = text::to_lower(path.extension().string());
  if (ending == ".jsonl" || ending == ".ndjson") return each_json_line(path, visit);
  if (ending == ".json") return each_json_item(path, visit);
  if (ending == ".csv") return each_csv_row(path, signature, visit);
  throw Error(Errc::bad_input, std::format("`{}` does not end in .jsonl, .json or .csv; rename it", path.string()));
}

}  // namespace dspy
