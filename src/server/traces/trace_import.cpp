#include "dspy/server/traces/trace_import.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <istream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::size_t most_waiting = 1'000'000;

std::uint64_t id_at(const JsonObject& span, std::string_view name) {
  const auto* const value = span.if_contains(name);
  if (value == nullptr || !(value->is_uint64() || (value->is_int64() && value->get_int64() >= 0)))
    throw Error(Errc::bad_input, std::format("a span has a whole number as its `{}`", name));
  return value->to_number<std::uint64_t>();
}

std::int64_t started_at(const JsonObject& span) {
  const auto* const value = span.if_contains("started_at");
  const auto time = value != nullptr && value->is_string() ? parse_iso_time(view(value->get_string())) : std::nullopt;
  if (!time) throw Error(Errc::bad_input, "a span has a time as its `started_at`");
  return time->time_since_epoch().count();
}

}  // namespace

TraceAssembler::TraceAssembler(TraceOrigin origin, std::function<void(TraceRecord)> keep)
    : origin_(std::move(origin)), keep_(std::move(keep)) {}

void TraceAssembler::add(std::string_view line) {
  auto json = parse_json(line);
  if (!json) throw Error(Errc::bad_input, std::format("the line is not JSON: {}", json.error().message));
  if (!json->is_object()) throw Error(Errc::bad_input, "the line is not an object");
  auto& span = json->get_object();
  const auto id = id_at(span, "id");
  const auto parent = id_at(span, "parent");
  started_at(span);
  const auto* const kind = span.if_contains("kind");
  if (kind == nullptr || !kind->is_string()) throw Error(Errc::bad_input, "a span has a text as its `kind`");
  if (waiting_.size() >= most_waiting) finish();
  waiting_.insert_or_assign(id, std::move(span));
  if (parent == 0) return keep(id, true);
  children_[parent].push_back(id);
}

/// A span after those that are part of it, all of which are taken out.
void TraceAssembler::gather(std::uint64_t id, std::vector<JsonObject>& out) {
  std::vector<std::uint64_t> order = {id};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto found = children_.find(order[i]);
    if (found == children_.end()) continue;
    order.insert(order.end(), found->second.begin(), found->second.end());
    children_.erase(found);
  }
  for (auto each = order.rbegin(); each != order.rend(); ++each) {
    const auto found = waiting_.find(*each);
    if (found == waiting_.end()) continue;
    out.push_back(std::move(found->second));
    waiting_.erase(found);
  }
}

void TraceAssembler::keep(std::uint64_t root, bool is_finished) {
  TraceRecord record{.origin = origin_, .is_finished = is_finished};
  gather(root, record.spans);
  if (record.spans.empty()) return;
  record.started_ns = started_at(record.spans.back());
  std::string content;
  for (const auto& span : record.spans) append_text(content, Json(span));
  record.origin.id = sha256(content).substr(0, 32);
  keep_(std::move(record));
}

void TraceAssembler::finish() {
  std::vector<std::uint64_t> tops;
  for (const auto& [id, span] : waiting_) {
    if (!waiting_.contains(id_at(span, "parent"))) tops.push_back(id);
  }
  for (const auto top : tops) keep(top, false);
  waiting_.clear();
  children_.clear();
}

ImportedTraces import_traces(TraceStore& store, std::istream& file, const TraceOrigin& origin) {
  constexpr auto patience = std::chrono::minutes(5);
  ImportedTraces out;
  const auto lost = store.dropped();
  std::size_t unflushed = 0;
  const auto flush = [&] {
    unflushed = 0;
    if (!store.flush(patience) || store.dropped() != lost)
      throw Error(Errc::io_error, "the trace store does not take what is imported; see the log, and free some space");
  };
  TraceAssembler assembler(origin, [&](TraceRecord record) {
    const auto spans = record.spans.size();
    constexpr std::size_t between = 5'000;
    if (unflushed + spans > between && unflushed != 0) flush();
    ++out.traces;
    out.spans += spans;
    unflushed += spans;
    store.add(std::move(record));
  });
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const auto added = attempt([&] { assembler.add(line); });
    if (added) continue;
    if (added.error().code() != Errc::bad_input) throw Error(added.error());
    if (out.bad_lines++ == 0) out.first_problem = added.error().what();
  }
  assembler.finish();
  flush();
  return out;
}

}  // namespace dspy::server
