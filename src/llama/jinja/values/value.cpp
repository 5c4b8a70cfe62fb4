#include "llama/jinja/values/value.hpp"

#include "dspy/base/json.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace dspy::llama::jinja {
namespace {

std::size_t depth_around(const Value& value) noexcept {
  return value.changeable() != nullptr ? Value::deepest + 1 : value.depth() + 1;
}

}  // namespace

const Value* Dict::find(std::string_view key) const noexcept {
  const auto found = std::ranges::find_if(members, [&](const auto& member) {
    const auto* const text = member.first.text();
    return text != nullptr && text->view() == key;
  });
  return found == members.end() ? nullptr : &found->second;
}

const Value* Dict::find(const Value& key) const noexcept {
  if (const auto* const text = key.text()) return find(text->view());
  const auto found = std::ranges::find(members, key, &std::pair<Value, Value>::first);
  return found == members.end() ? nullptr : &found->second;
}

void Dict::set(Value key, Value value) {
  const auto found = std::ranges::find(members, key, &std::pair<Value, Value>::first);
  if (found == members.end())
    members.emplace_back(std::move(key), std::move(value));
  else
    found->second = std::move(value);
}

Value::Value(List list, bool is_tuple) : is_tuple_(is_tuple) {
  for (const auto& item : list) depth_ = std::max(depth_, depth_around(item));
  is_ = std::make_shared<const List>(std::move(list));
}

Value::Value(Dict dict) {
  for (const auto& [key, value] : dict.members) depth_ = std::max({depth_, depth_around(key), depth_around(value)});
  is_ = std::make_shared<const Dict>(std::move(dict));
}

Value::Value(Callable callable) : is_(std::make_shared<const Callable>(std::move(callable))) {}

Value Value::undefined(std::string name) {
  Value out;
  out.is_ = Undefined{std::move(name)};
  return out;
}

Value Value::changeable(Dict members) {
  Value out;
  out.is_ = std::make_shared<Namespace>(std::move(members));
  return out;
}

Value Value::from(const Json& json) {
  switch (json.kind()) {
    case boost::json::kind::null: return None();
    case boost::json::kind::bool_: return json.get_bool();
    case boost::json::kind::int64: return json.get_int64();
    case boost::json::kind::uint64:
      if (constexpr auto most = std::numeric_limits<std::int64_t>::max();
          json.get_uint64() <= static_cast<std::uint64_t>(most))
        return static_cast<std::int64_t>(json.get_uint64());
      return static_cast<double>(json.get_uint64());
    case boost::json::kind::double_: return json.get_double();
    case boost::json::kind::string: return given(std::string(dspy::view(json.get_string())));
    case boost::json::kind::array: {
      List list;
      list.reserve(json.get_array().size());
      for (const auto& item : json.get_array()) list.push_back(from(item));
      return list;
    }
    case boost::json::kind::object: break;
  }
  Dict dict;
  dict.members.reserve(json.get_object().size());
  for (const auto& [key, value] : json.get_object()) dict.members.emplace_back(given(std::string(key)), from(value));
  return dict;
}

Value::Namespace* Value::changeable() const noexcept {
  const auto* const held = std::get_if<std::shared_ptr<Namespace>>(&is_);
  return held == nullptr ? nullptr : held->get();
}

std::optional<std::int64_t> Value::integer() const noexcept {
  if (const auto* const number = std::get_if<std::int64_t>(&is_)) return *number;
  if (const auto* const truth = std::get_if<bool>(&is_)) return *truth ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::number() const noexcept {
  if (const auto* const number = std::get_if<double>(&is_)) return *number;
  if (const auto whole = integer()) return static_cast<double>(*whole);
  return std::nullopt;
}

bool Value::truth() const noexcept {
  if (is_undefined() || is_none()) return false;
  if (const auto number = this->number()) return *number != 0;
  if (const auto* const text = this->text()) return !text->empty();
  if (const auto* const list = this->list()) return !list->empty();
  if (const auto* const dict = this->dict()) return !dict->members.empty();
  return true;
}

std::string_view Value::type_name() const noexcept {
  if (is_undefined()) return "undefined";
  if (is_none()) return "None";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_float()) return "float";
  if (text() != nullptr) return "str";
  if (list() != nullptr) return is_tuple_ ? "tuple" : "list";
  if (dict() != nullptr) return "dict";
  return changeable() != nullptr ? "namespace" : "function";
}

bool Value::operator==(const Value& other) const noexcept {
  if (const auto whole = integer(), second = other.integer(); whole && second) return *whole == *second;
  if (const auto number = this->number(), second = other.number(); number && second) return *number == *second;
  if (is_.index() != other.is_.index()) return false;
  if (const auto* const text = this->text()) return text->view() == other.text()->view();
  if (const auto* const list = this->list()) return is_tuple_ == other.is_tuple_ && *list == *other.list();
  if (const auto* const dict = this->dict()) {
    const auto& more = *other.dict();
    return dict->members.size() == more.members.size() && std::ranges::all_of(dict->members, [&](const auto& member) {
             const auto* const found = more.find(member.first);
             return found != nullptr && *found == member.second;
           });
  }
  if (callable() != nullptr) return callable() == other.callable();
  if (changeable() != nullptr) return changeable() == other.changeable();
  return true;  // both undefined, or both None
}

std::optional<std::partial_ordering> Value::order(const Value& other) const noexcept {
  if (const auto whole = integer(), second = other.integer(); whole && second) return *whole <=> *second;
  if (const auto number = this->number(), second = other.number(); number && second) return *number <=> *second;
  if (text() != nullptr && other.text() != nullptr) return text()->view() <=> other.text()->view();
  const auto* const a = list();
  const auto* const b = other.list();
  if (a == nullptr || b == nullptr || is_tuple_ != other.is_tuple_) return std::nullopt;
  for (std::size_t i = 0; i < std::min(a->size(), b->size()); ++i) {
    if ((*a)[i] == (*b)[i]) continue;
    return (*a)[i].order((*b)[i]);
  }
  return a->size() <=> b->size();
}

const Value* Arguments::find(std::size_t index, std::string_view name) const noexcept {
  if (index < positional.size()) return &positional[index];
  const auto found = std::ranges::find_if(named, [&](const auto& each) { return each.first == name; });
  return found == named.end() ? nullptr : &found->second;
}

}  // namespace dspy::llama::jinja
