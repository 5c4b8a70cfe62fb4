#include "evaluate/csv.hpp"

#include <optional>
#include <string_view>

namespace dspy {
namespace {

constexpr int end = std::istream::traits_type::eof();

}  // namespace

CsvReader::CsvReader(std::istream& in) : text_(*in.rdbuf()) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  while (ahead_.size() < mark.size() && text_.sgetc() == static_cast<unsigned char>(mark[ahead_.size()]))
    ahead_ += static_cast<char>(text_.sbumpc());
  if (ahead_ == mark) ahead_.clear();
}

int CsvReader::peek() {
  return at_ < ahead_.size() ? static_cast<unsigned char>(ahead_[at_]) : text_.sgetc();
}

int CsvReader::take() {
  return at_ < ahead_.size() ? static_cast<unsigned char>(ahead_[at_++]) : text_.sbumpc();
}

std::optional<CsvReader::Record> CsvReader::next() {
  if (peek() == end) return std::nullopt;
  Record record{.line = line_, .cells = {{}}, .is_blank = true};
  bool is_quoted = false;
  for (int c = take(); c != end; c = take()) {
    auto& cell = record.cells.back();
    if (c == '\n') ++line_;
    if (c != '\n' && c != '\r') record.is_blank = false;
    if (is_quoted) {
      if (c != '"') {
        cell += static_cast<char>(c);
      } else if (peek() == '"') {
        cell += static_cast<char>(take());
      } else {
        is_quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      is_quoted = true;
    } else if (c == ',') {
      record.cells.emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r' || peek() != '\n') {
      cell += static_cast<char>(c);
    }
  }
  record.is_unclosed = is_quoted;
  return record;
}

}  // namespace dspy
