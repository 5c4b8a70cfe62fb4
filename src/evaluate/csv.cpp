#include "evaluate/csv.hpp"

#include <utility>

namespace dspy {
namespace {

constexpr int end = std::istream::traits_type::eof();

void skip_byte_order_mark(std::istream& in) {
  std::streambuf& text = *in.rdbuf();
  if (text.sgetc() != 0xEF) return;
  for (int i = 0; i < 3; ++i) text.sbumpc();
}

}  // namespace

CsvReader::CsvReader(std::istream& in) : in_(in) {
  skip_byte_order_mark(in);
}

std::optional<CsvReader::Record> CsvReader::next() {
  std::streambuf& text = *in_.rdbuf();
  if (text.sgetc() == end) return std::nullopt;
  Record record{.line = line_, .cells = {{}}};
  bool is_quoted = false;
  for (int c = text.sbumpc(); c != end; c = text.sbumpc()) {
    auto& cell = record.cells.back();
    if (c == '\n') ++line_;
    if (is_quoted) {
      if (c != '"') {
        cell += static_cast<char>(c);
      } else if (text.sgetc() == '"') {
        cell += static_cast<char>(text.sbumpc());
      } else {
        is_quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      is_quoted = true;
    } else if (c == ',') {
      record.cells.emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r' || text.sgetc() != '\n') {
      cell += static_cast<char>(c);
    }
  }
  record.is_unclosed = is_quoted;
  return record;
}

}  // namespace dspy
