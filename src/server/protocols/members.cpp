#include "server/protocols/members.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <format>
#include <limits>

namespace dspy::server {

void wrong(std::string_view place, std::string_view what) {
  throw Error(Errc::invalid_parameter, std::format("`{}` {}", place, what), {.feature = std::string(place)});
}

void not_honoured(std::string_view place, std::string_view why) {
  throw Error(Errc::unsupported, std::format("`{}` is not honoured here: {}", place, why),
              {.feature = std::string(place)});
}

std::string indexed(std::string_view place, std::size_t index) {
  return std::format("{}[{}]", place, index);
}

const JsonObject& object_of(const Json& value, std::string_view place) {
  if (!value.is_object()) wrong(place, "must be an object");
  return value.get_object();
}

std::string Members::at(std::string_view name) const {
  return place_.empty() ? std::string(name) : std::format("{}.{}", place_, name);
}

const Json* Members::find(std::string_view name) {
  known_.emplace(name);
  const auto* const value = object_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const Json& Members::require(std::string_view name) {
  const auto* const value = find(name);
  if (value == nullptr) wrong(at(name), "is required");
  return *value;
}

std::optional<std::string> Members::text(std::string_view name) {
  const auto* const value = find(name);
  if (value == nullptr) return {};
  if (!value->is_string()) wrong(at(name), "must be a text");
  return std::string(view(value->get_string()));
}

std::string Members::required_text(std::string_view name) {
  require(name);
  return *text(name);
}

std::optional<bool> Members::flag(std::string_view name) {
  const auto* const value = find(name);
  if (value == nullptr) return {};
  if (!value->is_bool()) wrong(at(name), "must be true or false");
  return value->get_bool();
}

std::optional<double> Members::number(std::string_view name) {
  const auto* const value = find(name);
  if (value == nullptr) return {};
  if (!value->is_number()) wrong(at(name), "must be a number");
  return value->to_number<double>();
}

std::optional<std::int64_t> Members::whole(std::string_view name, std::int64_t least, std::int64_t most) {
  const auto* const value = find(name);
  if (value == nullptr) return {};
  boost::system::error_code failure;
  const auto number = value->to_number<std::int64_t>(failure);
  if (failure) wrong(at(name), "must be a whole number");
  if (number < least || number > most)
    wrong(at(name), most == std::numeric_limits<std::int64_t>::max()
                        ? std::format("must be at least {}, and is {}", least, number)
                        : std::format("must be from {} to {}, and is {}", least, most, number));
  return number;
}

std::optional<int> Members::count(std::string_view name, int least) {
  const auto number = whole(name, least, std::numeric_limits<int>::max());
  if (!number) return {};
  return static_cast<int>(*number);
}

const JsonObject* Members::object(std::string_view name) {
  const auto* const value = find(name);
  if (value == nullptr) return nullptr;
  return &object_of(*value, at(name));
}

const JsonArray* Members::list(std::string_view name) {
  const auto* const value = find(name);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) wrong(at(name), "must be a list");
  return &value->get_array();
}

void Members::ignore(std::initializer_list<std::string_view> names) {
  for (const auto name : names) known_.emplace(name);
}

void Members::expect(std::string_view name, std::initializer_list<Json> values, std::string_view why) {
  const auto* const value = find(name);
  if (value != nullptr && !std::ranges::contains(values, *value)) not_honoured(at(name), why);
}

void Members::finish() const {
  for (const auto& member : object_) {
    if (member.value().is_null() || known_.contains(std::string_view(member.key()))) continue;
    not_honoured(at(member.key()), "leave it out");
  }
}

}  // namespace dspy::server
