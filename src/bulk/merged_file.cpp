#include "bulk/merged_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <format>
#include <ios>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::bulk {
namespace {

/// A value as a cell: text verbatim, absent values empty, anything else as JSON.
void append_cell(std::string& out, const Json* value) {
  if (value == nullptr || value->is_null()) return;
  const auto text = value->is_string() ? std::string(view(value->get_string())) : to_text(*value);
  if (text.find_first_of(",\"\r\n") == std::string::npos && !text.empty()) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

/// A column of the run's own, under a name that no field has.
void append_column(std::string& out, const std::vector<std::string>& fields, std::string name) {
  while (std::ranges::contains(fields, name)) name.insert(0, "row_");
  out += name;
}

std::expected<JsonObject, std::string> values_or_none(const InputRow* input) {
  if (input == nullptr) return std::unexpected(std::string());
  return values_of(*input);
}

}  // namespace

MergedFile::MergedFile(std::filesystem::path path, std::vector<std::string> columns)
    : path_(std::move(path)), columns_(std::move(columns)) {
  const auto ending = text::to_lower(path_.extension().string());
  is_csv_ = ending == ".csv";
  if (!is_csv_ && ending != ".jsonl")
    throw Error(Errc::bad_input,
                std::format("rows are merged into a file that ends in .jsonl or .csv, not `{}`", path_.string()));
  draft_ = path_;
  draft_ += std::format(".{}.part", ::getpid());
  out_.open(draft_, std::ios::binary | std::ios::trunc);
  if (!out_) throw Error(Errc::io_error, std::format("cannot write `{}`; check the folder", draft_.string()));
  if (!is_csv_) return;
  for (const auto& name : columns_) {
    append_cell(line_, &static_cast<const Json&>(Json(name)));
    line_ += ',';
  }
  append_column(line_, columns_, "error");
  line_ += ',';
  append_column(line_, columns_, "at");
  line_ += "\r\n";
  out_ << line_;
}

MergedFile::~MergedFile() {
  if (draft_.empty()) return;
  std::error_code code;
  std::filesystem::remove(draft_, code);
}

void MergedFile::add(std::uint64_t at, std::string_view rest, const InputRow* input) {
  line_.clear();
  if (is_csv_) {
    add_cells(at, rest, input);
  } else {
    line_ += std::format("{{\"at\":{},", at);
    if (input != nullptr && input->line != 0) line_ += std::format("\"line\":{},", input->line);
    if (const auto values = values_or_none(input)) {
      line_ += "\"inputs\":";
      // A carriage return between two values of JSON would end a line for those who read lines.
      line_ += input->text.contains('\r') ? to_text(*values) : input->text;
      line_ += ',';
    }
    line_ += rest;
    line_ += '\n';
  }
  out_ << line_;
  if (!out_) throw Error(Errc::io_error, std::format("cannot write `{}`; is the disk full?", draft_.string()));
}

void MergedFile::add_cells(std::uint64_t at, std::string_view rest, const InputRow* input) {
  const auto json = parse_json("{" + std::string(rest));
  if (!json) throw Error(Errc::io_error, "a row of the run is not JSON; its part file is damaged: restore it");
  const auto& row = json->get_object();
  const auto* const outputs = row.if_contains("outputs");
  const auto values = values_or_none(input);
  for (const auto& name : columns_) {
    const auto* value = outputs != nullptr ? outputs->get_object().if_contains(name) : nullptr;
    if (value == nullptr && values) value = values->if_contains(name);
    append_cell(line_, value);
    line_ += ',';
  }
  if (const auto* const error = row.if_contains("error"))
    append_cell(line_, error->get_object().if_contains("message"));
  line_ += std::format(",{}\r\n", at);
}

void MergedFile::finish() {
  out_.close();
  std::error_code code;
  if (out_) std::filesystem::rename(draft_, path_, code);
  if (!out_ || code) throw Error(Errc::io_error, std::format("cannot write `{}`; check the disk", path_.string()));
  draft_.clear();
}

}  // namespace dspy::bulk
