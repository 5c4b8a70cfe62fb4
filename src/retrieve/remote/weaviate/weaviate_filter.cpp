#include "retrieve/remote/weaviate/weaviate_filter.hpp"

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "retrieve/remote/facts.hpp"
#include "retrieve/remote/rest.hpp"

#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::remote {
namespace {

constexpr std::string_view kind = "weaviate";

/// Conditions as the JSON that `DELETE` takes.
class Language final : public FactLanguage {
 public:
  explicit Language(const std::vector<std::string>& numbers) : numbers_(numbers) {}

  std::string has(std::string_view fact) const override {
    return std::format(R"({{"path": ["facts"], "operator": "Equal", "valueText": "{}"}})", fact);
  }
  std::string all(const std::vector<std::string>& conditions) const override { return joined(conditions, "And"); }
  std::string any(const std::vector<std::string>& conditions) const override { return joined(conditions, "Or"); }
  /// Servers before 1.33 do not know `Not`, and refuse it.
  std::string negated(const std::string& condition) const override { return joined({condition}, "Not"); }

  std::string ordered(const Filter& filter) const override {
    const std::string_view op = filter.op() == Filter::Op::gt    ? "GreaterThan"
                                : filter.op() == Filter::Op::gte ? "GreaterThanEqual"
                                : filter.op() == Filter::Op::lt  ? "LessThan"
                                                                 : "LessThanEqual";
    return std::format(R"({{"path": ["{}"], "operator": "{}", "valueNumber": {}}})",
                       weaviate_number(place_of_number(numbers_, filter.field(), kind)), op,
                       to_text(comparable(filter.value(), kind)));
  }

 private:
  static std::string joined(const std::vector<std::string>& conditions, std::string_view op) {
    std::string parts;
    for (const auto& each : conditions) parts += (parts.empty() ? "" : ", ") + each;
    return std::format(R"({{"operator": "{}", "operands": [{}]}})", op, parts);
  }

  const std::vector<std::string>& numbers_;
};

}  // namespace

std::string weaviate_number(std::size_t i) {
  return std::format("number{}", i);
}

JsonObject weaviate_filter(const Filter& filter, const std::vector<std::string>& numbers) {
  return parse_json(fact_filter(filter, kind, Language(numbers))).value().as_object();
}

std::string graphql(const Json& where) {
  if (where.is_array()) {
    std::string out;
    for (const auto& each : where.get_array()) out += (out.empty() ? "" : ", ") + graphql(each);
    return std::format("[{}]", out);
  }
  if (!where.is_object()) return to_text(where);
  std::string out;
  for (const auto& [name, value] : where.get_object()) {
    const bool is_bare = std::string_view(name) == "operator";
    out += std::format("{}{}: {}", out.empty() ? "" : ", ", std::string_view(name),
                       is_bare ? std::string(view(value.as_string())) : graphql(value));
  }
  return std::format("{{{}}}", out);
}

}  // namespace dspy::remote
