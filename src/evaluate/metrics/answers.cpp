#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::metrics {
namespace {

std::string keys_of(const JsonObject& data) {
  std::vector<std::string> names;
  for (const auto& member : data) names.emplace_back(member.key());
  return names.empty() ? "nothing" : text::enumerate(names, "`", "and");
}

const Json& value_of(const JsonObject& data, std::string_view name, std::string_view owner) {
  if (const auto* const value = data.if_contains(name)) return *value;
  throw Error(Errc::bad_input, std::format("the {} has no `{}` to compare; it has {}", owner, name, keys_of(data)));
}

[[noreturn]] void reject(const Json& value, std::string_view name, std::string_view owner, std::string_view wanted) {
  throw Error(Errc::bad_input, std::format("`{}` of the {} is {}, not {}; compare such values by the metric `equal`",
                                           name, owner, to_text(value), wanted));
}

std::string text_of(const JsonObject& data, const std::string& name, std::string_view owner) {
  const auto& value = value_of(data, name, owner);
  if (!value.is_string()) reject(value, name, owner, "a text");
  return std::string(view(value.get_string()));
}

std::vector<std::string> texts_of(const JsonObject& data, const std::string& name, std::string_view owner) {
  const auto& value = value_of(data, name, owner);
  if (value.is_string()) return {std::string(view(value.get_string()))};
  if (!value.is_array()) reject(value, name, owner, "a text or a list of texts");
  std::vector<std::string> out;
  for (const auto& item : value.get_array()) {
    if (!item.is_string()) reject(value, name, owner, "a list of texts");
    out.emplace_back(view(item.get_string()));
  }
  return out;
}

/// The same value; numbers are compared as numbers.
bool same(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    if (a.kind() == b.kind()) return a == b;
    return a.to_number<double>() == b.to_number<double>();
  }
  if (a.is_array() && b.is_array())
    return std::ranges::equal(a.get_array(), b.get_array(), [](const Json& x, const Json& y) { return same(x, y); });
  if (a.is_object() && b.is_object()) {
    return a.get_object().size() == b.get_object().size() && std::ranges::all_of(a.get_object(), [&](const auto& x) {
             const auto* const y = b.get_object().if_contains(x.key());
             return y != nullptr && same(x.value(), *y);
           });
  }
  return a == b;
}

/// A metric of the texts at `answer`.
template <class F>
Metric of_answers(std::string name, std::string answer, F measure) {
  return {std::move(name), [answer = std::move(answer), measure](const Example& example, const Prediction& made) {
            const auto gold = texts_of(example.data, answer, "example");
            return measure(text_of(made.data, answer, "prediction"), gold);
          }};
}

}  // namespace

Metric exact_match(std::string answer, double share) {
  return of_answers("exact_match", std::move(answer),
                    [share](const std::string& made, const std::vector<std::string>& gold) {
                      return share >= 1 ? em(made, gold) : f1(made, gold) >= share;
                    });
}

Metric f1(std::string answer) {
  return of_answers("f1", std::move(answer),
                    [](const std::string& made, const std::vector<std::string>& gold) { return f1(made, gold); });
}

Metric hotpot_f1(std::string answer) {
  return of_answers("hotpot_f1", std::move(answer), [](const std::string& made, const std::vector<std::string>& gold) {
    return hotpot_f1(made, gold);
  });
}

Metric passage_match(std::string answer, std::string passages) {
  return {"passage_match",
          [answer = std::move(answer), passages = std::move(passages)](const Example& example, const Prediction& made) {
            const auto answers = texts_of(example.data, answer, "example");
            const auto found = texts_of(made.data, passages, "prediction");
            return std::ranges::any_of(found, [&](const auto& passage) { return has_answer(answers, passage); });
          }};
}

Metric equal(std::string field) {
  return {"equal", [field = std::move(field)](const Example& example, const Prediction& made) {
            const auto& gold = value_of(example.data, field, "example");
            return same(gold, value_of(made.data, field, "prediction"));
          }};
}

}  // namespace dspy::metrics
