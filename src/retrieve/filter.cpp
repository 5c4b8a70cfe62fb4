#include "dspy/retrieve/filter.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "retrieve/values.hpp"

#include <algorithm>
#include <compare>
#include <format>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

struct Filter::Node {
  Op op = Op::everything;
  std::string field;
  Json value;
  std::vector<Filter> parts;
};

namespace {

bool is_scalar(const Json& value) {
  return !value.is_array() && !value.is_object();
}

void check(Filter::Op op, std::string_view field, const Json& value) {
  using enum Filter::Op;
  const auto refuse = [&](std::string_view why) {
    throw Error(Errc::invalid_parameter, std::format("a filter `{}` on the field `{}` {}", to_string(op), field, why));
  };
  if (field.empty() || field.starts_with('$')) refuse("needs a field's name, which does not begin with `$`");
  if (text::invalid_utf8(field)) refuse("has a name that is not UTF-8");
  switch (op) {
    case in:
    case nin:
      if (!std::ranges::all_of(value.get_array(), is_scalar))
        refuse("takes a list of texts, numbers, booleans and nulls");
      break;
    case gt:
    case gte:
    case lt:
    case lte:
      if (!value.is_string() && !value.is_number()) refuse("takes a text or a number");
      break;
    default:
      if (!is_scalar(value)) refuse("takes a text, a number, a boolean or null");
  }
}

bool compares(Filter::Op op, const Json& found, const Json& wanted) {
  const auto order = compare_values(found, wanted);
  switch (op) {
    case Filter::Op::gt: return order == std::partial_ordering::greater;
    case Filter::Op::gte: return order == std::partial_ordering::greater || order == std::partial_ordering::equivalent;
    case Filter::Op::lt: return order == std::partial_ordering::less;
    case Filter::Op::lte: return order == std::partial_ordering::less || order == std::partial_ordering::equivalent;
    default: return order == std::partial_ordering::equivalent;
  }
}

bool is_one_of(const Json& found, const JsonArray& wanted) {
  return std::ranges::any_of(wanted, [&](const Json& value) { return compares(Filter::Op::eq, found, value); });
}

bool holds(const Json& found, const Json& wanted) {
  if (const auto* const list = found.if_array()) return is_one_of(wanted, *list);
  return found.is_string() && wanted.is_string() && view(found.get_string()).contains(view(wanted.get_string()));
}

/// `found` is null where the field is not there.
bool meets(Filter::Op op, const Json* found, const Json& wanted) {
  using enum Filter::Op;
  switch (op) {
    case exists: return (found != nullptr) == wanted.get_bool();
    case ne: return found == nullptr || !compares(eq, *found, wanted);
    case in: return found != nullptr && is_one_of(*found, wanted.get_array());
    case nin: return found == nullptr || !is_one_of(*found, wanted.get_array());
    case contains: return found != nullptr && holds(*found, wanted);
    default: return found != nullptr && compares(op, *found, wanted);
  }
}

template <class Find>
bool matches_with(const Filter& filter, const Find& find) {
  using enum Filter::Op;
  const auto each = [&](const Filter& part) { return matches_with(part, find); };
  switch (filter.op()) {
    case everything: return true;
    case all: return std::ranges::all_of(filter.parts(), each);
    case any: return std::ranges::any_of(filter.parts(), each);
    case negation: return !each(filter.parts().front());
    default: return find(filter);
  }
}

}  // namespace

Filter Filter::make(Op op, std::string_view field, Json value) {
  check(op, field, value);
  Filter filter;
  filter.node_ = std::make_shared<const Node>(Node{op, std::string(field), std::move(value), {}});
  return filter;
}

Filter Filter::eq(std::string_view field, const Json& value) {
  return make(Op::eq, field, value);
}
Filter Filter::ne(std::string_view field, const Json& value) {
  return make(Op::ne, field, value);
}
Filter Filter::gt(std::string_view field, const Json& value) {
  return make(Op::gt, field, value);
}
Filter Filter::gte(std::string_view field, const Json& value) {
  return make(Op::gte, field, value);
}
Filter Filter::lt(std::string_view field, const Json& value) {
  return make(Op::lt, field, value);
}
Filter Filter::lte(std::string_view field, const Json& value) {
  return make(Op::lte, field, value);
}
Filter Filter::in(std::string_view field, const JsonArray& values) {
  return make(Op::in, field, Json(values));
}
Filter Filter::nin(std::string_view field, const JsonArray& values) {
  return make(Op::nin, field, Json(values));
}
Filter Filter::exists(std::string_view field, bool is_there) {
  return make(Op::exists, field, Json(is_there));
}
Filter Filter::contains(std::string_view field, const Json& value) {
  return make(Op::contains, field, value);
}

Filter Filter::all(std::vector<Filter> filters) {
  std::erase_if(filters, [](const Filter& filter) { return filter.is_everything(); });
  if (filters.empty()) return {};
  if (filters.size() == 1) return std::move(filters.front());
  Filter filter;
  filter.node_ = std::make_shared<const Node>(Node{Op::all, {}, {}, std::move(filters)});
  return filter;
}

Filter Filter::any(std::vector<Filter> filters) {
  if (std::ranges::any_of(filters, &Filter::is_everything)) return {};
  if (filters.size() == 1) return std::move(filters.front());
  Filter filter;
  filter.node_ = std::make_shared<const Node>(Node{Op::any, {}, {}, std::move(filters)});
  return filter;
}

Filter Filter::operator!() const {
  Filter filter;
  filter.node_ = std::make_shared<const Node>(Node{Op::negation, {}, {}, {*this}});
  return filter;
}

bool Filter::matches(const Passage& passage) const {
  return matches_with(*this, [&](const Filter& filter) {
    const auto& name = filter.field();
    const auto own = [&](const std::string& text) {
      const Json value(text);
      return meets(filter.op(), &value, filter.value());
    };
    if (name == "id") return own(passage.id);
    if (name == "text") return own(passage.text);
    if (name == "source" && !passage.source.empty()) return own(passage.source);
    return meets(filter.op(), passage.metadata.if_contains(name), filter.value());
  });
}

bool Filter::matches(const JsonObject& fields) const {
  return matches_with(*this, [&](const Filter& filter) {
    return meets(filter.op(), fields.if_contains(filter.field()), filter.value());
  });
}

Filter::Op Filter::op() const noexcept {
  return node_ ? node_->op : Op::everything;
}
const std::string& Filter::field() const noexcept {
  static const std::string none;
  return node_ ? node_->field : none;
}
const Json& Filter::value() const noexcept {
  static const Json none;
  return node_ ? node_->value : none;
}
const std::vector<Filter>& Filter::parts() const noexcept {
  static const std::vector<Filter> none;
  return node_ ? node_->parts : none;
}

std::set<std::string> Filter::fields() const {
  std::set<std::string> names;
  if (!field().empty()) names.insert(field());
  for (const auto& part : parts()) names.merge(part.fields());
  return names;
}

bool Filter::operator==(const Filter& other) const {
  return node_ == other.node_ ||
         (op() == other.op() && field() == other.field() && value() == other.value() && parts() == other.parts());
}

}  // namespace dspy
