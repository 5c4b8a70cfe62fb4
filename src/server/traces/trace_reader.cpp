#include "server/traces/trace_reader.hpp"

#include "dspy/base/json.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "dspy/storage/database.hpp"

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

double score_of(std::string_view text) {
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

void move_cost(JsonObject& object) {
  auto* const usage = object.if_contains("usage");
  if (usage == nullptr || !usage->is_object()) return;
  const auto* const cost = usage->get_object().if_contains("cost_nanodollars");
  if (cost != nullptr && cost->is_number()) object["cost"] = cost->to_number<double>() / 1e9;
}

/// As the API shows it: the messages of a request, the usage of its reply, and what it cost in dollars.
JsonObject shown_span(JsonObject span) {
  if (auto* const request = span.if_contains("request"); request != nullptr && request->is_object()) {
    auto& object = request->get_object();
    if (const auto* const messages = object.if_contains("messages")) {
      span["messages"] = *messages;
      span["request"].as_object().erase("messages");
    }
  }
  if (const auto* const reply = span.if_contains("reply"); reply != nullptr && reply->is_object()) {
    if (const auto* const usage = reply->get_object().if_contains("usage"); usage != nullptr && !span.contains("usage"))
      span["usage"] = Json(*usage);
  }
  move_cost(span);
  return span;
}

}  // namespace

bool has_trace(storage::Database& database, const std::string& tenant, const std::string& id) {
  return database.prepare("SELECT 1 FROM traces WHERE tenant = ?1 AND id = ?2")
      .bind_text(1, tenant)
      .bind_text(2, id)
      .step();
}

std::optional<JsonObject> read_trace(storage::Database& database, const std::string& tenant, const std::string& id) {
  auto page = list_traces(database, {.tenant = tenant, .filters = {{"id", id}}, .limit = 1});
  if (page.items.empty()) return std::nullopt;
  auto out = std::move(page.items.front());
  auto row = database.prepare("SELECT number, left_out FROM traces WHERE tenant = ?1 AND id = ?2");
  if (!row.bind_text(1, tenant).bind_text(2, id).step()) return std::nullopt;
  if (row.integer(1) != 0) out["left_out"] = row.integer(1);
  auto rows = database.prepare("SELECT content FROM spans WHERE trace = ?1 ORDER BY place");
  rows.bind(1, row.integer(0));
  JsonArray spans;
  while (rows.step()) {
    if (auto span = parse_json(rows.bytes(0)); span && span->is_object())
      spans.push_back(shown_span(std::move(span->get_object())));
  }
  if (!spans.empty()) {
    // The root ended last; the whole has its values unabridged.
    const auto& root = spans.back().get_object();
    for (const auto* const side : {"inputs", "outputs"}) {
      if (const auto* const values = root.if_contains(side)) out[side] = *values;
    }
  }
  out["spans"] = std::move(spans);
  JsonArray judgements;
  for (const auto& each : read_feedback(database, tenant, id, 1'000)) judgements.push_back(to_json(each));
  out["feedback"] = std::move(judgements);
  return out;
}

std::vector<Feedback> read_feedback(storage::Database& database, const std::string& tenant, const std::string& trace,
                                    std::size_t limit) {
  constexpr std::string_view of_all =
      "SELECT id, trace, name, score, comment, key, at FROM feedback WHERE tenant = ?1 ORDER BY number DESC LIMIT ?2";
  constexpr std::string_view of_one =
      "SELECT id, trace, name, score, comment, key, at FROM feedback WHERE tenant = ?1 AND trace = ?3 "
      "ORDER BY number DESC LIMIT ?2";
  auto rows = database.prepare(trace.empty() ? of_all : of_one);
  rows.bind_text(1, tenant).bind(2, static_cast<std::int64_t>(limit));
  if (!trace.empty()) rows.bind_text(3, trace);
  std::vector<Feedback> out;
  while (rows.step()) {
    const auto text = [&](int column) { return std::string(rows.bytes(column)); };
    out.push_back({.id = text(0),
                   .trace = text(1),
                   .name = text(2),
                   .score = score_of(rows.bytes(3)),
                   .comment = text(4),
                   .key = text(5),
                   .at = std::chrono::system_clock::time_point(std::chrono::milliseconds(rows.integer(6)))});
  }
  return out;
}

}  // namespace dspy::server
