#include "dspy/server/traces/trace_diff.hpp"

#include "dspy/base/json.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {
namespace {

const JsonObject& object_at(const JsonObject& from, std::string_view name) {
  static const JsonObject nothing;
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : nothing;
}

std::string text_at(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

JsonArray differences(const JsonObject& a, const JsonObject& b) {
  JsonArray out;
  for (const auto& each : a) {
    const auto* const other = b.if_contains(each.key());
    if (other == nullptr) {
      out.push_back(JsonObject{{"field", each.key()}, {"a", each.value()}});
    } else if (*other != each.value()) {
      out.push_back(JsonObject{{"field", each.key()}, {"a", each.value()}, {"b", *other}});
    }
  }
  for (const auto& each : b) {
    if (!a.contains(each.key())) out.push_back(JsonObject{{"field", each.key()}, {"b", each.value()}});
  }
  return out;
}

/// `call answer #2`: the second one of that kind and path in the order in which they began.
std::vector<std::pair<std::string, const JsonObject*>> named_spans(const JsonObject& trace) {
  std::vector<std::pair<std::string, const JsonObject*>> out;
  const auto* const spans = trace.if_contains("spans");
  if (spans == nullptr || !spans->is_array()) return out;
  for (const auto& each : spans->get_array()) {
    if (each.is_object()) out.emplace_back("", &each.get_object());
  }
  const auto id = [](const JsonObject& span) {
    const auto* const value = span.if_contains("id");
    return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
  };
  std::ranges::stable_sort(out, {}, [&](const auto& each) { return id(*each.second); });
  std::map<std::string, std::size_t> seen;
  for (auto& [name, span] : out) {
    const auto path = text_at(*span, "path");
    const auto base = std::format("{}{}{}", text_at(*span, "kind"), path.empty() ? "" : " ", path);
    name = std::format("{} #{}", base, ++seen[base]);
  }
  return out;
}

/// What of a span a change is looked for in.
constexpr auto compared = {"inputs", "outputs", "messages", "lm", "error"};

JsonObject changed(const std::string& name, const JsonObject& a, const JsonObject& b) {
  JsonObject one;
  JsonObject other;
  for (const auto* const member : compared) {
    if (const auto* const value = a.if_contains(member)) one[member] = *value;
    if (const auto* const value = b.if_contains(member)) other[member] = *value;
  }
  auto fields = differences(one, other);
  return {{"span", name},
          {"a", *a.if_contains("id")},
          {"b", *b.if_contains("id")},
          {"change", fields.empty() ? "same" : "changed"},
          {"fields", std::move(fields)}};
}

JsonArray span_differences(const JsonObject& a, const JsonObject& b) {
  const auto one = named_spans(a);
  const auto other = named_spans(b);
  JsonArray out;
  const auto find = [](const auto& spans, const std::string& name) {
    return std::ranges::find(spans, name, [](const auto& each) { return each.first; });
  };
  for (const auto& [name, span] : one) {
    const auto match = find(other, name);
    if (match == other.end()) {
      out.push_back(JsonObject{{"span", name}, {"a", *span->if_contains("id")}, {"change", "only_a"}});
    } else {
      out.push_back(changed(name, *span, *match->second));
    }
  }
  for (const auto& [name, span] : other) {
    if (find(one, name) == one.end())
      out.push_back(JsonObject{{"span", name}, {"b", *span->if_contains("id")}, {"change", "only_b"}});
  }
  return out;
}

}  // namespace

JsonObject trace_diff(const JsonObject& a, const JsonObject& b) {
  JsonObject out{{"a", text_at(a, "id")}, {"b", text_at(b, "id")}};
  for (const auto* const name : {"program", "version", "status"}) {
    if (text_at(a, name) != text_at(b, name)) out[name] = {{"a", text_at(a, name)}, {"b", text_at(b, name)}};
  }
  for (const auto* const name : {"seconds", "cost", "tokens"}) {
    const auto* const x = a.if_contains(name);
    const auto* const y = b.if_contains(name);
    if (x != nullptr && y != nullptr)
      out[name] = {{"a", *x}, {"b", *y}, {"difference", y->to_number<double>() - x->to_number<double>()}};
  }
  out["inputs"] = differences(object_at(a, "inputs"), object_at(b, "inputs"));
  out["outputs"] = differences(object_at(a, "outputs"), object_at(b, "outputs"));
  out["spans"] = span_differences(a, b);
  return out;
}

}  // namespace dspy::server
