#include "retrieve/remote/facts.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "retrieve/remote/rest.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::remote {
namespace {

/// 128 bits of a digest; the letter before them keeps it from being read as a number.
std::string fact(std::string_view what, std::string_view field, std::string_view value = {}) {
  return "f" + sha256(std::format("{}{}:{}{}", what, field.size(), field, value)).substr(0, 32);
}

std::string there_fact(std::string_view field) {
  return fact("there", field);
}

/// Equal values have equal texts, and others have not.
std::string value_text(const Json& value, std::string_view kind) {
  if (!value.is_number()) return to_text(value);
  const auto number = comparable(value, kind).to_number<double>();
  return std::format("{}", number == 0 ? 0.0 : number);  // and not -0
}

std::string equal_fact(std::string_view field, const Json& value, std::string_view kind) {
  return fact("equal", field, value_text(value, kind));
}

std::string element_fact(std::string_view field, const Json& value, std::string_view kind) {
  return fact("element", field, value_text(value, kind));
}

class Lowering {
 public:
  Lowering(std::string_view kind, const FactLanguage& language) : kind_(kind), language_(language) {}

  std::string operator()(const Filter& filter) const {
    using enum Filter::Op;
    const auto& field = filter.field();
    switch (filter.op()) {
      case everything: return language_.has(fact_of_all);
      case all: return joined(parts(filter), true);
      case any: return joined(parts(filter), false);
      case negation: return language_.negated((*this)(filter.parts().front()));
      case eq: return equal(field, filter.value());
      case ne: return language_.negated(equal(field, filter.value()));
      case in: return one_of(filter);
      case nin: return language_.negated(one_of(filter));
      case exists: {
        auto there = language_.has(there_fact(field));
        return filter.value().as_bool() ? there : language_.negated(there);
      }
      case contains:
        if (filter.value().is_string())
          unsupported(kind_, "tell whether a text contains another; keep a field for what you look for and use `eq`");
        return language_.has(element_fact(field, filter.value(), kind_));
      default: break;
    }
    if (!filter.value().is_number()) unsupported(kind_, "tell which of two texts comes first; keep numbers instead");
    return language_.all({language_.has(number_fact(field)), language_.ordered(filter)});
  }

 private:
  std::string equal(std::string_view field, const Json& value) const {
    return language_.has(equal_fact(field, value, kind_));
  }

  std::string one_of(const Filter& filter) const {
    std::vector<std::string> out;
    for (const auto& value : filter.value().as_array()) out.push_back(equal(filter.field(), value));
    return joined(std::move(out), false);
  }

  std::vector<std::string> parts(const Filter& filter) const {
    std::vector<std::string> out;
    for (const auto& part : filter.parts()) out.push_back((*this)(part));
    return out;
  }

  std::string joined(std::vector<std::string> conditions, bool is_all) const {
    if (conditions.empty()) return language_.has(is_all ? fact_of_all : fact_of_none);
    if (conditions.size() == 1) return std::move(conditions.front());
    return is_all ? language_.all(conditions) : language_.any(conditions);
  }

  std::string_view kind_;
  const FactLanguage& language_;
};

}  // namespace

std::string number_fact(std::string_view field) {
  return fact("number", field);
}

std::string id_fact(std::string_view id) {
  return equal_fact("id", Json(id), {});
}

std::vector<std::string> facts_of(const Passage& passage, std::string_view kind) {
  std::vector<std::string> out{std::string(fact_of_all)};
  const auto add = [&](std::string_view field, const Json& value) {
    out.push_back(there_fact(field));
    if (value.is_array()) {
      for (const auto& each : value.get_array())
        if (!each.is_structured()) out.push_back(element_fact(field, each, kind));
    } else if (!value.is_object()) {
      out.push_back(equal_fact(field, value, kind));
      if (value.is_number()) out.push_back(number_fact(field));
    }
  };
  for (const auto& [name, value] : passage.metadata) add(name, value);
  add("id", Json(std::string_view(passage.id)));
  add("text", Json(std::string_view(passage.text)));
  if (!passage.source.empty()) add("source", Json(std::string_view(passage.source)));
  std::ranges::sort(out);
  const auto again = std::ranges::unique(out);
  out.erase(again.begin(), again.end());
  return out;
}

std::string fact_filter(const Filter& filter, std::string_view kind, const FactLanguage& language) {
  return Lowering(kind, language)(pushed_down(filter));
}

std::vector<std::string> field_names(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (end != 0) out.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

std::size_t place_of_number(const std::vector<std::string>& numbers, std::string_view field, std::string_view kind) {
  const auto found = std::ranges::find(numbers, field);
  if (found == numbers.end())
    unsupported(kind, std::format("compare `{0}` by order, since it was not made for that; make it with "
                                  "`?numbers={0}` in its URI",
                                  field));
  return static_cast<std::size_t>(found - numbers.begin());
}

void require_numbers(const std::vector<std::string>& made, const std::vector<std::string>& wanted,
                     std::string_view kind) {
  for (const auto& name : wanted)
    if (!std::ranges::contains(made, name))
      throw Error(Errc::config_error,
                  std::format("the {} store was made without `{}` among its `numbers`; make it anew, or leave the name "
                              "out of the URI",
                              kind, name));
}

const Json* number_in(const Passage& passage, std::string_view field) {
  const auto* const found = passage.metadata.if_contains(field);
  return found != nullptr && found->is_number() ? found : nullptr;
}

}  // namespace dspy::remote
