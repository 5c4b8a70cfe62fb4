#include "dspy/lm/handling.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {

std::string_view to_string(ReplySource source) noexcept {
  switch (source) {
    case ReplySource::model: return "model";
    case ReplySource::memory: return "memory";
    case ReplySource::disk: return "disk";
    case ReplySource::remote: return "remote";
    case ReplySource::shared: return "shared";
  }
  std::unreachable();
}

ReplySource reply_source(std::string_view name) {
  constexpr std::array all = {ReplySource::model, ReplySource::memory, ReplySource::disk, ReplySource::remote,
                              ReplySource::shared};
  const auto* const found = std::ranges::find(all, name, [](ReplySource each) { return to_string(each); });
  if (found == all.end())
    throw Error(Errc::config_error,
                std::format("`{}` is not a source of a reply; there is model, memory, disk, remote and shared", name));
  return *found;
}

}  // namespace dspy
