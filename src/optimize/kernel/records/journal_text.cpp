#include "optimize/kernel/records/journal_text.hpp"

#include "base/checked_line.hpp"
#include "dspy/base/error.hpp"

#include <format>
#include <utility>

namespace dspy::optimize {
namespace {

void check_run(const JsonObject& record, const JsonObject& run, std::string_view name) {
  const auto* const found = record.if_contains("run");
  const auto* const format = record.if_contains("format");
  if (found == nullptr || format == nullptr) {
    throw Error(Errc::config_error,
                std::format("`{}` does not begin as a checkpoint does: it is none, or its first line is damaged; name "
                            "another file",
                            name));
  }
  if (*format != Json(1)) {
    throw Error(Errc::config_error, std::format("the checkpoint `{}` is of a newer version of this library; use "
                                                "that version, or name another file",
                                                name));
  }
  if (*found != Json(run)) {
    throw Error(Errc::config_error,
                std::format("the checkpoint `{}` belongs to another run: its program, data, metric or options "
                            "differ; name another file, or remove it to begin anew",
                            name));
  }
}

}  // namespace

JournalText read_journal(std::string_view text, const JsonObject& run, std::string_view name) {
  JournalText out;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == std::string_view::npos) break;  // cut by a kill: it was never there
    const auto line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    auto record = read_checked_line(line);
    if (!record) {
      out.damaged.push_back(number);
      if (number == 1) break;
      continue;
    }
    if (out.good.empty())
      check_run(*record, run, name);
    else
      out.records.push_back(*std::move(record));
    out.good.append(line).append("\n");
  }
  return out;
}

}  // namespace dspy::optimize
