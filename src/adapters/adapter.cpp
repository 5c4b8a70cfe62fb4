#include "dspy/adapters/adapter.hpp"

#include "dspy/adapters/field_adapter.hpp"
#include "dspy/base/text.hpp"

#include <array>

namespace dspy {
namespace {

/// The reply as an error message shows it: not too long, cut between characters.
std::string shown(std::string_view raw) {
  constexpr std::size_t longest = 200;
  auto part = raw.substr(0, longest);
  if (part.size() < raw.size()) {
    if (const auto cut = text::invalid_utf8(part)) part = part.substr(0, *cut);
  }
  return "\"" + std::string(part) + (part.size() < raw.size() ? "…\"" : "\"");
}

}  // namespace

std::string Unreadable::message() const {
  std::string out;
  if (!missing.empty()) {
    out += missing.size() == 1 ? "the reply lacks the field " : "the reply lacks the fields ";
    out += text::enumerate(missing, "`", "and");
  }
  for (const auto& entry : invalid) {
    out += out.empty() ? "" : "; ";
    out += "the field `" + entry.field + "` cannot be read: " + entry.reason;
  }
  if (text::trim(raw).empty()) return out + "; the model replied with nothing";
  return out + "; the model replied " + shown(raw);
}

Error to_error(const Unreadable& unreadable) {
  ErrorInfo info;
  info.missing = unreadable.missing;
  for (const auto& entry : unreadable.invalid) info.invalid.push_back(entry.field);
  info.raw = unreadable.raw;
  info.partial = unreadable.partial;
  return Error(Errc::parse_error, unreadable.message(), std::move(info));
}

std::shared_ptr<const Adapter> adapter(std::string_view name) {
  static const auto field = std::make_shared<const FieldAdapter>();
  static const std::array<std::string, 1> names = {"field"};
  if (name == field->name()) return field;
  const auto meant = text::nearest(name, names);
  throw Error(Errc::config_error, "there is no adapter `" + std::string(name) + "`; " +
                                      (meant ? "did you mean `" + *meant + "`?"
                                             : "use one of: " + text::enumerate(names, "`", "or")));
}

}  // namespace dspy
