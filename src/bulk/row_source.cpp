#include "bulk/row_source.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "evaluate/cells.hpp"
#include "evaluate/csv.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <ios>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::bulk {
namespace {

std::ifstream open(const std::filesystem::path& path) {
  std::error_code code;
  std::ifstream in;
  if (!std::filesystem::is_directory(path, code)) in.open(path, std::ios::binary);
  if (!in.is_open()) throw Error(Errc::io_error, std::format("cannot read `{}`; check the path", path.string()));
  return in;
}

std::string ending_of(const std::filesystem::path& path) {
  return text::to_lower(path.extension().string());
}

/// A table of which every row would be refused is refused before the first.
void require_columns(const std::filesystem::path& path, const std::vector<std::string>& columns,
                     const Signature& signature) {
  std::vector<std::string> missing, unknown, inputs;
  for (const auto& field : signature.inputs) {
    inputs.push_back(field.name);
    if (field.is_required() && !std::ranges::contains(columns, field.name)) missing.push_back(field.name);
  }
  for (const auto& name : columns) {
    if (!std::ranges::contains(inputs, name)) unknown.push_back(name);
  }
  if (inputs.empty() || (missing.empty() && unknown.empty())) return;
  auto what = missing.empty() ? std::string() : std::format("lacks {}", text::enumerate(missing, "`", "and"));
  if (!unknown.empty())
    what += std::format("{}has {}, which the program does not take", what.empty() ? "" : " and ",
                        text::enumerate(unknown, "`", "and"));
  throw Error(Errc::bad_input, std::format("the columns of `{}` do not match the program: it {}; the program's inputs "
                                           "are {}: rename columns, or remove extra ones",
                                           path.string(), what, text::enumerate(inputs, "`", "and")));
}

/// Lines of JSON, from one byte of the file to another.
class JsonLines final : public RowSource {
 public:
  JsonLines(const std::filesystem::path& path, std::uint64_t begin, std::uint64_t end)
      : in_(open(path)), path_(path), at_(begin), end_(end) {
    if (begin == 0) line_ = 1;
    if (begin == 0) return;
    // The line that began before is another shard's, unless its end is just before.
    in_.seekg(static_cast<std::streamoff>(begin - 1));
    std::string rest;
    if (!std::getline(in_, rest)) at_ = end_;
    at_ = begin - 1 + rest.size() + 1;
  }

  bool next(InputRow& row) override {
    while (at_ < end_ && std::getline(in_, row.text)) {
      row.at = at_;
      row.line = line_;
      if (line_ != 0) ++line_;
      at_ += row.text.size() + 1;
      if (row.at == 0) row.text = text::without_byte_order_mark(row.text);
      if (!text::trim(row.text).empty()) return true;
    }
    if (in_.bad())
      throw Error(Errc::io_error, std::format("cannot read all of `{}`; check the disk and try again", path_.string()));
    return false;
  }

 private:
  std::ifstream in_;
  std::filesystem::path path_;
  std::uint64_t at_, end_;
  std::uint64_t line_ = 0;  ///< Of the next line; 0 where what came before was not read.
};

class CsvRows final : public RowSource {
 public:
  CsvRows(const std::filesystem::path& path, const Signature* signature) : in_(open(path)), reader_(in_) {
    auto header = reader_.next();
    if (!header)
      throw Error(Errc::bad_input, std::format("`{}` is empty; its first line must name the columns", path.string()));
    names_ = std::move(header->cells);
    for (auto name = names_.begin(); name != names_.end(); ++name) {
      if (std::find(names_.begin(), name, *name) != name)
        throw Error(Errc::bad_input, std::format("`{}` has two columns `{}`; rename one", path.string(), *name));
    }
    if (signature != nullptr) require_columns(path, names_, *signature);
    for (const auto& name : names_) fields_.push_back(signature != nullptr ? signature->find(name) : nullptr);
  }

  bool next(InputRow& row) override {
    auto record = reader_.next();
    while (record && record->is_blank) record = reader_.next();
    if (!record) return false;
    row = {.at = number_++, .line = record->line};
    const auto& cells = record->cells;
    if (record->is_unclosed) {
      row.problem = "has a quote that is never closed";
    } else if (cells.size() != names_.size()) {
      row.problem = std::format("has {} cells, and the header {}", cells.size(), names_.size());
    } else if (const auto broken = broken_cell(cells)) {
      row.problem =
          std::format("holds a byte that is not UTF-8 in the column `{}`; save the file as UTF-8", names_[*broken]);
    } else {
      JsonObject values;
      for (std::size_t i = 0; i < names_.size(); ++i) {
        if (auto value = cell_value(fields_[i], cells[i])) values[names_[i]] = *std::move(value);
      }
      row.text = to_text(values);
    }
    return true;
  }

 private:
  static std::optional<std::size_t> broken_cell(const std::vector<std::string>& cells) {
    const auto found =
        std::ranges::find_if(cells, [](const auto& cell) { return text::invalid_utf8(cell).has_value(); });
    return found == cells.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - cells.begin()));
  }

  std::ifstream in_;
  CsvReader reader_;
  std::vector<std::string> names_;
  std::vector<const Field*> fields_;
  std::uint64_t number_ = 0;
};

/// A list in one JSON text, which is read whole.
class JsonRows final : public RowSource {
 public:
  explicit JsonRows(const std::filesystem::path& path) {
    each_row(path, nullptr, [&](DataRow row) {
      rows_.push_back({.at = rows_.size(),
                       .line = row.line,
                       .text = row.problem.empty() ? to_text(row.values) : std::string(),
                       .problem = std::move(row.problem)});
    });
  }

  bool next(InputRow& row) override {
    if (at_ == rows_.size()) return false;
    row = std::move(rows_[at_++]);
    return true;
  }

 private:
  std::vector<InputRow> rows_;
  std::size_t at_ = 0;
};

std::uint64_t place_by_field(const InputRow& row, const std::string& field) {
  if (const auto values = values_of(row)) {
    if (const auto* const value = values->if_contains(field)) return hash_bytes(to_text(*value));
  }
  return sum_of(row);
}

/// The rows of another source that a rule gives to a shard.
class Selected final : public RowSource {
 public:
  Selected(std::unique_ptr<RowSource> all, const Shard& shard, ShardRule rule)
      : all_(std::move(all)), shard_(shard), rule_(std::move(rule)) {}

  bool next(InputRow& row) override {
    while (all_->next(row)) {
      const auto place = rule_.by == ShardRule::By::field ? place_by_field(row, rule_.field) : number_;
      ++number_;
      if (place % shard_.count == shard_.index) return true;
    }
    return false;
  }

 private:
  std::unique_ptr<RowSource> all_;
  Shard shard_;
  ShardRule rule_;
  std::uint64_t number_ = 0;
};

/// Where shard `index` begins, without overflow for any size.
std::uint64_t boundary(std::uint64_t bytes, std::uint64_t index, std::uint64_t count) {
  return bytes / count * index + bytes % count * index / count;
}

void append_canonical(std::string& out, const Json& value) {
  if (value.is_object()) {
    std::vector<const JsonObject::value_type*> members;
    members.reserve(value.get_object().size());
    for (const auto& member : value.get_object()) members.push_back(&member);
    std::ranges::sort(members, {}, [](const auto* member) { return std::string_view(member->key()); });
    out += '{';
    for (const auto* const member : members) {
      if (member != members.front()) out += ',';
      append_text(out, Json(member->key()));
      out += ':';
      append_canonical(out, member->value());
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    bool is_first = true;
    for (const auto& item : value.get_array()) {
      if (!std::exchange(is_first, false)) out += ',';
      append_canonical(out, item);
    }
    out += ']';
  } else {
    append_text(out, value);
  }
}

}  // namespace

std::unique_ptr<RowSource> open_rows(const std::filesystem::path& path, const Signature* signature, const Shard& shard,
                                     const ShardRule& rule) {
  const auto ending = ending_of(path);
  if (rule.by == ShardRule::By::field && signature != nullptr && !signature->inputs.empty() &&
      std::ranges::find(signature->inputs, rule.field, &Field::name) == signature->inputs.end())
    throw Error(Errc::invalid_parameter,
                std::format("rows cannot be divided by `{}`, which is not an input of the program", to_string(rule)));
  const bool is_lines = ending == ".jsonl" || ending == ".ndjson";
  if (rule.by == ShardRule::By::range) {
    if (!is_lines)
      throw Error(
          Errc::invalid_parameter,
          std::format("only JSONL is divided by `range`, which `{}` is not; divide it by `row`", path.string()));
    std::error_code code;
    const auto bytes = std::filesystem::file_size(path, code);
    if (code) throw Error(Errc::io_error, std::format("cannot read `{}`: {}", path.string(), code.message()));
    return std::make_unique<JsonLines>(path, boundary(bytes, shard.index, shard.count),
                                       boundary(bytes, shard.index + 1, shard.count));
  }
  std::unique_ptr<RowSource> all;
  if (is_lines) {
    all = std::make_unique<JsonLines>(path, 0, UINT64_MAX);
  } else if (ending == ".csv") {
    all = std::make_unique<CsvRows>(path, signature);
  } else if (ending == ".json") {
    all = std::make_unique<JsonRows>(path);
  } else if (ending == ".parquet") {
    all = open_parquet(path);
  } else {
    throw Error(Errc::bad_input,
                std::format("`{}` does not end in .jsonl, .json, .csv or .parquet; rename it", path.string()));
  }
  if (shard.count == 1) return all;
  return std::make_unique<Selected>(std::move(all), shard, rule);
}

std::expected<JsonObject, std::string> values_of(const InputRow& row) {
  if (!row.problem.empty()) return std::unexpected(row.problem);
  auto json = parse_json(row.text);
  if (!json)
    return std::unexpected(std::format("is not JSON: {} at byte {}", json.error().message, json.error().position));
  if (!json->is_object()) return std::unexpected("is not a JSON object");
  if (const auto repeated = repeated_member(row.text))
    return std::unexpected(std::format("is ambiguous: {} at byte {}", repeated->message, repeated->position));
  return std::move(json->get_object());
}

std::string name_of(const InputRow& row, const std::filesystem::path& inputs) {
  if (row.line != 0) return std::format("the row on line {}", row.line);
  return ending_of(inputs) == ".parquet" ? std::format("row {} (counted from 0)", row.at)
                                         : std::format("the row at byte {}", row.at);
}

std::uint64_t sum_of(const InputRow& row) noexcept {
  return hash_bytes(row.problem.empty() ? std::string_view(row.text) : std::string_view(row.problem));
}

std::string canonical_text(const JsonObject& values) {
  std::string out;
  append_canonical(out, values);
  return out;
}

}  // namespace dspy::bulk
