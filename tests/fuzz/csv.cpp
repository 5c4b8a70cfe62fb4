// Any text is read as CSV records, whose lines rise, up to its end.

#include "evaluate/csv.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::istringstream in(text);
  dspy::CsvReader reader(in);
  const auto lines = 1 + static_cast<std::size_t>(std::ranges::count(text, '\n'));
  std::size_t last = 0, letters = 0;
  while (const auto record = reader.next()) {
    if (record->line <= last || record->line > lines || record->cells.empty()) std::abort();
    last = record->line;
    for (const auto& cell : record->cells) letters += cell.size();
  }
  if (letters > size) std::abort();
  return 0;
}
