#include "registry/lineage.hpp"

#include "dspy/base/error.hpp"

#include <cstdint>
#include <format>
#include <string>

namespace dspy {
namespace {

Error damaged(std::string_view what) {
  return {Errc::io_error,
          std::format("a version's lineage in the registry is damaged ({}); restore the registry's file from a copy",
                      what)};
}

const Json& member(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  if (value == nullptr) throw damaged(std::format("`{}` is missing", name));
  return *value;
}

std::string text_of(const JsonObject& object, std::string_view name) {
  const auto& value = member(object, name);
  if (!value.is_string()) throw damaged(std::format("`{}` is not a text", name));
  return std::string(view(value.get_string()));
}

template <class T>
T number_of(const Json& value, std::string_view name) {
  boost::system::error_code code;
  const auto number = value.is_number() ? value.to_number<T>(code) : T();
  if (!value.is_number() || code) throw damaged(std::format("`{}` is not a number that fits", name));
  return number;
}

}  // namespace

JsonObject to_json(const Lineage& lineage) {
  JsonObject out = {{"optimizer", lineage.optimizer}, {"data", lineage.data},         {"metric", lineage.metric},
                    {"examples", lineage.examples},   {"requests", lineage.requests}, {"tokens", lineage.tokens}};
  if (lineage.score) out["score"] = *lineage.score;
  return out;
}

Lineage lineage_of(std::string_view text) {
  const auto json = parse_json(text);
  if (!json || !json->is_object()) throw damaged("it is not a JSON object");
  const auto& object = json->get_object();
  const auto count = [&](std::string_view key) { return number_of<std::uint64_t>(member(object, key), key); };
  const auto& optimizer = member(object, "optimizer");
  if (!optimizer.is_object()) throw damaged("`optimizer` is not an object");
  Lineage out{.optimizer = optimizer.get_object(),
              .data = text_of(object, "data"),
              .metric = text_of(object, "metric"),
              .examples = count("examples"),
              .requests = count("requests"),
              .tokens = count("tokens")};
  if (const auto* const score = object.if_contains("score")) out.score = number_of<double>(*score, "score");
  return out;
}

}  // namespace dspy
