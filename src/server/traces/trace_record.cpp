#include "dspy/server/traces/trace_record.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::size_t most_text = 64 << 10;
constexpr std::size_t shown_characters = 300;
constexpr std::size_t shown_members = 20;

const JsonObject* object_at(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

std::string_view text_at(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_string() ? view(value->get_string()) : std::string_view();
}

/// Collects texts, each once, up to a bound.
class Texts {
 public:
  explicit Texts(std::string& out) : out_(out) {}

  void add(std::string_view text) {
    if (text.empty() || out_.size() >= most_text || !seen_.emplace(text).second) return;
    out_ += text.substr(0, most_text - out_.size());
    out_ += '\n';
  }

  void add(const Json& value) {
    if (value.is_string()) return add(view(value.get_string()));
    if (value.is_array()) {
      for (const auto& each : value.get_array()) add(each);
    } else if (value.is_object()) {
      for (const auto& each : value.get_object()) add(each.value());
    } else if (value.is_number()) {
      add(std::string_view(to_text(value)));
    }
  }

 private:
  std::string& out_;
  std::unordered_set<std::string> seen_;
};

void add_once(std::vector<std::string>& names, std::string_view name) {
  if (!name.empty() && std::ranges::find(names, name) == names.end()) names.emplace_back(name);
}

/// Nothing for counts that cannot be: a file may hold anything.
std::optional<Usage> read_usage(const JsonObject* written) {
  if (written == nullptr) return std::nullopt;
  const auto read = attempt([&] { return usage_from_json(*written); });
  return read ? std::optional(*read) : std::nullopt;
}

/// The root's own count, which is of all its calls, else that of the attempts.
Usage usage_of(const std::vector<JsonObject>& spans) {
  if (const auto whole = read_usage(object_at(spans.back(), "usage"))) return *whole;
  Usage sum;
  for (const auto& span : spans) {
    const auto* const reply = object_at(span, "reply");
    if (const auto usage = read_usage(reply != nullptr ? object_at(*reply, "usage") : nullptr)) sum += *usage;
  }
  return sum;
}

}  // namespace

TraceSummary summary_of(const TraceRecord& record) {
  TraceSummary out;
  if (record.spans.empty()) return out;
  const auto& root = record.spans.back();
  const auto* const seconds = root.if_contains("seconds");
  if (seconds != nullptr && seconds->is_number())
    out.nanoseconds = std::llround(std::clamp(seconds->to_number<double>(), 0.0, 9e9) * 1e9);
  const auto usage = usage_of(record.spans);
  out.cost_nanodollars = usage.cost_nanodollars;
  if (const auto tokens = usage.total_tokens()) out.tokens = static_cast<std::int64_t>(*tokens);
  if (const auto* const error = object_at(root, "error")) out.error = text_at(*error, "message");
  out.status = !record.is_finished ? "unfinished" : root.contains("error") ? "error" : "ok";
  if (const auto* const inputs = object_at(root, "inputs")) out.inputs = *inputs;
  if (const auto* const outputs = object_at(root, "outputs")) out.outputs = *outputs;
  Texts texts(out.text);
  for (auto span = record.spans.rbegin(); span != record.spans.rend(); ++span) {  // the root's come first
    add_once(out.models, text_at(*span, "lm"));
    add_once(out.paths, text_at(*span, "path"));
    for (const auto* const side : {"inputs", "outputs"}) {
      if (const auto* const values = object_at(*span, side)) texts.add(Json(*values));
    }
    if (const auto* const error = object_at(*span, "error")) texts.add(text_at(*error, "message"));
  }
  return out;
}

Json shortened(const Json& value) {
  if (value.is_string()) {
    const auto text = view(value.get_string());
    if (text.size() <= shown_characters) return value;
    auto end = shown_characters;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return Json(std::string(text.substr(0, end)) + "…");
  }
  if (value.is_array()) {
    JsonArray out;
    for (const auto& each : value.get_array()) {
      if (out.size() == shown_members) break;
      out.push_back(shortened(each));
    }
    return out;
  }
  if (value.is_object()) {
    JsonObject out;
    for (const auto& each : value.get_object()) {
      if (out.size() == shown_members) break;
      out.emplace(each.key(), shortened(each.value()));
    }
    return out;
  }
  return value;
}

std::string draw_trace_id() {
  thread_local std::random_device device;
  std::string out;
  for (int i = 0; i < 4; ++i) out += std::format("{:08x}", device());
  return out;
}

}  // namespace dspy::server
