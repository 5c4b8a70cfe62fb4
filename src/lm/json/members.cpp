#include "lm/json/members.hpp"

#include <algorithm>

namespace dspy {

void MemberReader::finish() const {
  for (const auto& member : in_) {
    if (!std::ranges::contains(seen_, std::string_view(member.key())))
      throw Error(Errc::config_error, std::format("{} has no member `{}`", what_, std::string_view(member.key())));
  }
}

void MemberReader::reject(std::string_view name, std::string_view wanted, const Json& value) const {
  throw Error(Errc::config_error, std::format("`{}` of {} must be {}, not {}", name, what_, wanted, to_text(value)));
}

}  // namespace dspy
