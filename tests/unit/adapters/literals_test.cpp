// How Python DSPy 3.4.1 was seen to read typed outputs: tests/cases/dspy/3.4.1/literals.jsonl.  Each row is read to
// the same value here, or stands in literals_differences.json with the reason.

#include "cases.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/base/base64.hpp"
#include "dspy/signature/detail/calendar.hpp"
#include "dspy/signature/json_schema.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <set>

using namespace dspy;

namespace {

NamedTypes recorded_types() {
  NamedTypes out;
  std::ifstream file(DSPY_TEST_DIR "/cases/dspy/3.4.1/literals_types.json");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto types = parse_json(text);
  REQUIRE(types.has_value());
  for (const auto& [name, type] : types->as_object()) {
    if (const auto* const members = type.as_object().if_contains("members")) {
      std::vector<Json> values;
      std::vector<std::string> labels;
      for (const auto& member : members->as_array()) {
        values.push_back(member.as_object().at("value"));
        labels.push_back(test::text_of(member.as_object().at("name")));
      }
      out.emplace(std::string(name), Type::enumeration(std::string(name), values, labels));
    }
  }
  for (const auto& [name, type] : types->as_object()) {
    const auto* const schema = type.as_object().if_contains("json_schema");
    if (schema != nullptr) out.emplace(std::string(name), from_json_schema(*schema).type);
  }
  return out;
}

/// A recorded value as this library has it.
Json plain(const Json& value) {
  if (const auto* const items = value.if_array()) {
    JsonArray out;
    for (const auto& item : *items) out.push_back(plain(item));
    return out;
  }
  const auto* const members = value.if_object();
  if (members == nullptr) return value;
  const auto get = [&](std::string_view key) { return members->if_contains(key); };
  for (const auto* const same : {"$date", "$datetime", "$time"}) {
    if (const auto* const text = get(same)) return *text;
  }
  if (const auto* const items = get("$tuple")) return plain(*items);
  if (const auto* const items = get("$set")) return plain(*items);
  if (get("$enum") != nullptr) return plain(*get("value"));
  if (get("$model") != nullptr) return plain(*get("fields"));
  if (const auto* const seconds = get("$seconds")) {
    const auto length = seconds->to_number<double>();
    const auto whole = std::floor(length);
    return Json(detail::duration_text(
        {static_cast<std::int64_t>(whole), static_cast<std::int32_t>(std::llround((length - whole) * 1e6) * 1000)}));
  }
  if (const auto* const number = get("$float")) {
    const auto text = test::text_of(*number);
    return text == "nan" ? std::numeric_limits<double>::quiet_NaN()
                         : (text == "inf" ? 1 : -1) * std::numeric_limits<double>::infinity();
  }
  if (const auto* const bytes = get("$bytes")) {
    std::vector<std::byte> text;
    for (const auto& byte : bytes->as_array()) text.push_back(static_cast<std::byte>(byte.to_number<int>()));
    return Json(base64::encode(text));
  }
  JsonObject out;
  for (const auto& member : *members) out.emplace(member.key(), plain(member.value()));
  return out;
}

/// Equality of values, in which moments count and not how they are written.
bool same(const Json& ours, const Json& recorded, bool in_any_order) {
  if (const auto* const items = ours.if_array()) {
    const auto* const others = recorded.if_array();
    if (others == nullptr || items->size() != others->size()) return false;
    if (!in_any_order) {
      return std::ranges::equal(*items, *others, [](const Json& a, const Json& b) { return same(a, b, false); });
    }
    return std::ranges::all_of(*others, [&](const Json& other) {
      return std::ranges::any_of(*items, [&](const Json& item) { return same(item, other, false); });
    });
  }
  if (const auto* const members = ours.if_object()) {
    const auto* const others = recorded.if_object();
    if (others == nullptr || members->size() != others->size()) return false;
    return std::ranges::all_of(*members, [&](const auto& member) {
      const auto* const other = others->if_contains(member.key());
      return other != nullptr && same(member.value(), *other, member.key() == "tags");
    });
  }
  if (ours.is_double() && recorded.is_double() && std::isnan(ours.get_double()))
    return std::isnan(recorded.get_double());
  if (ours.kind() != recorded.kind()) return false;
  if (ours == recorded) return true;
  if (!ours.is_string()) return false;
  const auto a = detail::read_datetime(view(ours.get_string()));
  const auto b = detail::read_datetime(view(recorded.get_string()));
  return a && b && a->local == b->local && a->offset_minutes == b->offset_minutes;
}

/// The rows; of one whose value is an integer beyond 64 bits, that is told.
std::vector<JsonObject> recorded_rows() {
  std::vector<JsonObject> out;
  std::ifstream file(DSPY_TEST_DIR "/cases/dspy/3.4.1/literals.jsonl");
  REQUIRE(file);
  for (std::string line; std::getline(file, line);) {
    auto row = parse_json(line);
    if (!row) row = parse_json(line.substr(0, line.rfind("\"value\": ")) + "\"value\": {\"$beyond\": 64}}");
    REQUIRE_MESSAGE(row.has_value(), line);
    out.push_back(std::move(row->as_object()));
  }
  return out;
}

}  // namespace

TEST_CASE("Typed outputs are read as Python DSPy 3.4.1 reads them, or the difference has a reason") {
  const auto types = recorded_types();
  std::size_t equal = 0;
  std::size_t count = 0;
  for (const auto& row : recorded_rows()) {
    const auto id = test::text_of(row.at("id"));
    const auto notation = test::text_of(row.at("type"));
    const auto completion = test::text_of(row.at("completion"));
    CAPTURE(id);
    ++count;
    std::string got;
    bool is_equal = false;
    try {
      Signature signature = Signature::parse("question -> value");
      signature.outputs[0].type = Type::parse(notation, types);
      const auto reading = adapter(test::text_of(row.at("adapter")))->parse(signature, completion);
      const auto* const value = row.if_contains("value");
      const bool is_set = notation.contains("set[");
      if (!reading) {
        is_equal = value == nullptr;
        got = "error " + (reading.error().invalid.empty() ? "missing" : reading.error().invalid[0].reason);
      } else {
        is_equal = value != nullptr && same(reading->outputs.at("value"), plain(*value), is_set);
        got = to_text(reading->outputs.at("value"));
        for (const auto& flag : reading->flags) got += " " + flag.liberty;
      }
    } catch (const Error& error) {
      got = std::string("THROWS ") + error.what();
    }
    equal += is_equal ? 1 : 0;
    if (!is_equal && std::getenv("DUMP") != nullptr) {
      std::cout << id << "\t" << notation << "\t" << test::text_of(row.at("adapter")) << "\t"
                << test::text_of(row.at("how")) << "\t" << to_text(Json(completion)) << "\t"
                << (row.contains("value") ? to_text(row.at("value")) : "ERR " + test::text_of(row.at("error"))) << "\t"
                << got << "\n";
    }
  }
  MESSAGE(equal << " of " << count);
}
