#include "measuring/trace_report.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/usage.hpp"

#include <format>
#include <optional>

namespace dspy::app {
namespace {

const Json* member(const JsonObject& object, std::string_view name) {
  return object.if_contains(name);
}

std::string text_of(const JsonObject& object, std::string_view name) {
  const auto* const value = member(object, name);
  return value == nullptr || !value->is_string() ? std::string() : std::string(view(value->get_string()));
}

double number_of(const JsonObject& object, std::string_view name) {
  const auto* const value = member(object, name);
  return value == nullptr || !value->is_number() ? 0 : value->to_number<double>();
}

const JsonObject* object_of(const JsonObject& object, std::string_view name) {
  const auto* const value = member(object, name);
  return value == nullptr || !value->is_object() ? nullptr : &value->get_object();
}

std::string time(double seconds) {
  if (seconds < 1e-3) return std::format("{:.0f} µs", seconds * 1e6);
  if (seconds < 1) return std::format("{:.1f} ms", seconds * 1e3);
  return std::format("{:.2f} s", seconds);
}

std::string usage_text(const JsonObject& written) {
  const auto usage = usage_from_json(written);
  const auto count = [](const Usage::Count& tokens) { return tokens ? std::to_string(*tokens) : std::string("?"); };
  auto out = std::format("{} + {} tokens", count(usage.prompt_tokens), count(usage.completion_tokens));
  if (usage.cache_read_tokens.value_or(0) != 0) out += std::format(" ({} cached)", *usage.cache_read_tokens);
  if (usage.requests > 1) out += std::format(" in {} requests", usage.requests);
  if (usage.cost_nanodollars) {
    out += std::format(", ${:.6f}", static_cast<double>(*usage.cost_nanodollars) / 1e9);
  } else if (usage.requests != 0) {
    out += ", cost unknown";
  }
  return out;
}

void indent(std::string& out, int depth, std::string_view line) {
  out.append(static_cast<std::size_t>(depth) * 2, ' ');
  out.append(line).append("\n");
}

void write_error(std::string& out, const JsonObject& error, int depth) {
  indent(out, depth, std::format("! {}: {}", text_of(error, "kind"), text_of(error, "message")));
  if (const auto* const wait = member(error, "retry_after_ms"))
    indent(out, depth, std::format("  it may be retried after {} ms", to_text(*wait)));
}

/// What was tried on the way to a reply, and where it came from.
void write_handling(std::string& out, const JsonObject& reply, int depth) {
  const auto* const handling = object_of(reply, "handling");
  if (handling == nullptr) return;
  if (const auto source = text_of(*handling, "source"); source != "model") {
    indent(out, depth, std::format("from the cache ({}), at no cost", source));
    if (const auto* const saved = object_of(*handling, "saved_usage"))
      indent(out, depth, std::format("it once took {}", usage_text(*saved)));
  }
  const auto* const attempts = member(*handling, "attempts");
  if (attempts == nullptr || !attempts->is_array()) return;
  int number = 0;
  for (const auto& each : attempts->get_array()) {
    if (!each.is_object()) continue;
    const auto& attempt = each.get_object();
    const auto waited = number_of(attempt, "waited_ns") / 1e9;
    const auto error = text_of(attempt, "error");
    indent(out, depth,
           std::format(
               "attempt {}: {}, {}{}{}", ++number, text_of(attempt, "lm"), time(number_of(attempt, "time_ns") / 1e9),
               waited > 0 ? std::format(" after waiting {}", time(waited)) : "",
               error.empty() ? std::string(", taken") : std::format(", {}: {}", error, text_of(attempt, "message"))));
  }
}

void write_content(std::string& out, const JsonObject& span, int depth) {
  for (const std::string_view name : {"inputs", "request", "reply", "outputs"}) {
    if (const auto* const value = member(span, name)) indent(out, depth, std::format("{}: {}", name, to_text(*value)));
  }
}

}  // namespace

void TraceReport::add(std::string_view line, std::size_t number) {
  const auto json = parse_json(line);
  const auto fail = [&](std::string_view what) {
    throw Error(Errc::bad_input, std::format("line {} of the trace {}", number, what), {.position = number});
  };
  if (!json || !json->is_object()) fail("is not a JSON object; the file may be truncated, or not a trace");
  const auto& span = json->get_object();
  const auto id = [&](std::string_view name) -> std::optional<std::uint64_t> {
    const auto* const value = span.if_contains(name);
    boost::system::error_code code;
    if (value == nullptr || !value->is_number()) return {};
    const auto out = value->to_number<std::uint64_t>(code);
    if (code) return {};
    return out;
  };
  const auto own = id("id"), parent = id("parent");
  if (!own || !parent || text_of(span, "kind").empty()) fail("is not a span: it lacks `kind`, `id` or `parent`");
  if (spans_.emplace(*own, span).second) order_.push_back(*own);
  children_[*parent].push_back(*own);
}

std::string TraceReport::text() const {
  std::string out;
  std::size_t calls = 0, failed = 0;
  for (const auto& [unused, span] : spans_) {
    if (text_of(span, "kind") != "call") continue;
    ++calls;
    failed += span.contains("error") ? 1 : 0;
  }
  for (const auto id : order_) {
    const auto& span = spans_.at(id);
    const auto parent = static_cast<std::uint64_t>(number_of(span, "parent"));
    const bool is_root = !spans_.contains(parent) || parent == id;
    if (is_root && (!options_.only_failed || span.contains("error"))) write(out, id, 0);
  }
  out += std::format("{} call{}, {} failed", calls, calls == 1 ? "" : "s", failed);
  return out;
}

void TraceReport::write(std::string& out, std::uint64_t id, int depth) const {
  constexpr int deepest = 100;  // a file that says that a span is its own ancestor
  const auto& span = spans_.at(id);
  const auto kind = text_of(span, "kind");
  const auto path = text_of(span, "path");
  auto line = kind == "attempt"
                  ? std::format("request {} to {}", to_text(span.contains("attempt") ? span.at("attempt") : Json(1)),
                                text_of(span, "lm"))
                  : std::format("{}{}{}", kind, path.empty() ? "" : " ", path);
  line += std::format(", {}", time(number_of(span, "seconds")));
  const auto* const reply = object_of(span, "reply");
  const auto* const usage = reply != nullptr ? object_of(*reply, "usage") : object_of(span, "usage");
  if (usage != nullptr) line += ", " + usage_text(*usage);
  if (depth == 0) line = text_of(span, "started_at") + "  " + line;
  indent(out, depth, line);
  if (reply != nullptr) write_handling(out, *reply, depth + 1);
  if (const auto* const error = object_of(span, "error")) write_error(out, *error, depth + 1);
  if (options_.content) write_content(out, span, depth + 1);
  if (const auto found = children_.find(id); found != children_.end() && depth < deepest) {
    for (const auto child : found->second) {
      if (child != id) write(out, child, depth + 1);
    }
  }
}

}  // namespace dspy::app
