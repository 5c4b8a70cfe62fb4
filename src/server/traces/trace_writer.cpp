#include "server/traces/trace_writer.hpp"

#include "dspy/base/hash.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/tracing/redactor.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "server/traces/trace_schema.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::int64_t millisecond = 1'000'000;

const Redactor& redactor_of(const TraceStoreOptions& options) {
  static const Redactor plain;
  return options.redactor ? *options.redactor : plain;
}

/// What stays of a span whose content is not kept.
void drop_content(JsonObject& span) {
  span.erase("inputs");
  span.erase("outputs");
  span.erase("request");
  span.erase("flags");
  if (auto* const reply = span.if_contains("reply"); reply != nullptr && reply->is_object()) {
    JsonObject kept;
    if (const auto* const usage = reply->get_object().if_contains("usage")) kept["usage"] = *usage;
    *reply = std::move(kept);
  }
  if (auto* const error = span.if_contains("error"); error != nullptr && error->is_object()) {
    auto& object = error->get_object();
    for (const auto* const name : {"partial", "violations", "raw"}) object.erase(name);
  }
}

/// The order of a trace: its time, spread within the millisecond if it is not known more precisely.
std::int64_t number_of(const TraceRecord& record) {
  const auto at = std::max<std::int64_t>(record.started_ns, 0);
  if (at % millisecond != 0) return at;
  return at + static_cast<std::int64_t>(hash_bytes(record.origin.id) % static_cast<std::uint64_t>(millisecond));
}

std::string tags_of(const TraceRecord& record, const TraceSummary& summary) {
  auto out = tag('t', record.origin.tenant) + ' ' + tag('s', summary.status);
  if (!record.origin.program.empty()) out += ' ' + tag('p', record.origin.program);
  for (const auto& model : summary.models) out += ' ' + tag('m', model);
  for (const auto& path : summary.paths) out += ' ' + tag('a', path);
  return out;
}

}  // namespace

std::string tag(char kind, std::string_view name) {
  return std::format("{}{:016x}", kind, hash_bytes(name));
}

TraceWriter::TraceWriter(const std::filesystem::path& path, const TraceStoreOptions& options)
    : options_(&options),
      database_(open_traces(path)),
      find_(database_.prepare("SELECT 1 FROM traces WHERE tenant = ?1 AND id = ?2")),
      insert_trace_(
          database_.prepare("INSERT OR IGNORE INTO traces (number, id, tenant, program, version, key, status, "
                            "nanoseconds, cost, tokens, spans, left_out, summary) "
                            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")),
      insert_span_(database_.prepare("INSERT INTO spans (trace, place, content) VALUES (?1, ?2, ?3)")),
      insert_text_(database_.prepare("INSERT INTO trace_texts (rowid, tags, text) VALUES (?1, ?2, ?3)")) {}

void TraceWriter::write(std::vector<TraceRecord>& records) {
  // The full-text index takes rows in rising order without a write in between.
  std::ranges::sort(records, {}, [](const TraceRecord& record) { return number_of(record); });
  database_.transaction([&] {
    for (auto& record : records) write(record);
  });
}

std::string TraceWriter::span_text(JsonObject& span) const {
  if (!options_->has_content) drop_content(span);
  Json value(std::move(span));
  redactor_of(*options_).redact(value);
  auto text = to_text(value);
  span = std::move(value.get_object());
  if (text.size() <= options_->max_span_bytes) return text;
  const auto bytes = text.size();
  drop_content(span);
  span["left_out_bytes"] = bytes;
  return to_text(span);
}

void TraceWriter::write(TraceRecord& record) {
  if (record.spans.empty()) return;
  find_.bind_text(1, record.origin.tenant).bind_text(2, record.origin.id);
  const bool is_known = find_.step();
  find_.reset();
  if (is_known) return;
  std::vector<std::string> texts;
  texts.reserve(record.spans.size());
  for (auto& span : record.spans) texts.push_back(span_text(span));
  const auto summary = summary_of(record);
  JsonObject shown{{"inputs", shortened(summary.inputs)}, {"outputs", shortened(summary.outputs)}};
  if (!summary.error.empty()) shown["error"] = shortened(Json(summary.error));
  insert_trace_.bind_text(2, record.origin.id)
      .bind_text(3, record.origin.tenant)
      .bind_text(4, record.origin.program)
      .bind_text(5, record.origin.version)
      .bind_text(6, record.origin.key)
      .bind_text(7, summary.status)
      .bind(8, summary.nanoseconds)
      .bind(9, summary.cost_nanodollars)
      .bind(10, summary.tokens)
      .bind(11, static_cast<std::int64_t>(record.spans.size()))
      .bind(12, static_cast<std::int64_t>(record.left_out))
      .bind_text(13, to_text(shown));
  auto number = number_of(record);
  while (insert_trace_.bind(1, number).run() == 0) ++number;
  for (std::size_t i = 0; i < texts.size(); ++i)
    insert_span_.bind(1, number).bind(2, static_cast<std::int64_t>(i)).bind_text(3, texts[i]).run();
  insert_text_.bind(1, number).bind_text(2, tags_of(record, summary)).bind_text(3, summary.text).run();
}

void TraceWriter::remove_row(std::int64_t number) {
  for (const auto* const sql : {"DELETE FROM traces WHERE number = ?1", "DELETE FROM spans WHERE trace = ?1",
                                "DELETE FROM trace_texts WHERE rowid = ?1"}) {
    database_.prepare(sql).bind(1, number).run();
  }
}

bool TraceWriter::remove(const std::string& tenant, const std::string& id) {
  bool is_there = false;
  database_.transaction([&] {
    auto found = database_.prepare("SELECT number FROM traces WHERE tenant = ?1 AND id = ?2");
    is_there = found.bind_text(1, tenant).bind_text(2, id).step();
    if (!is_there) return;
    remove_row(found.integer(0));
    database_.prepare("DELETE FROM feedback WHERE tenant = ?1 AND trace = ?2")
        .bind_text(1, tenant)
        .bind_text(2, id)
        .run();
  });
  return is_there;
}

void TraceWriter::add_feedback(const std::string& tenant, const Feedback& feedback) {
  database_
      .prepare(
          "INSERT INTO feedback (id, tenant, trace, name, score, comment, key, at) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
      .bind_text(1, feedback.id)
      .bind_text(2, tenant)
      .bind_text(3, feedback.trace)
      .bind_text(4, feedback.name)
      .bind_text(5, std::format("{}", feedback.score))
      .bind_text(6, feedback.comment)
      .bind_text(7, feedback.key)
      .bind(8, std::chrono::duration_cast<std::chrono::milliseconds>(feedback.at.time_since_epoch()).count())
      .run();
}

std::uint64_t TraceWriter::used_bytes() {
  const auto ask = [&](std::string_view pragma) {
    auto row = database_.prepare(pragma);
    return row.step() ? static_cast<std::uint64_t>(row.integer(0)) : 0;
  };
  return (ask("PRAGMA page_count") - ask("PRAGMA freelist_count")) * ask("PRAGMA page_size");
}

std::size_t TraceWriter::count() {
  auto row = database_.prepare("SELECT count(*) FROM traces");
  row.step();
  return static_cast<std::size_t>(row.integer(0));
}

/// Those that began before a time, the oldest first.
std::size_t TraceWriter::remove_oldest(std::optional<std::int64_t> before_ns, std::size_t most) {
  std::size_t gone = 0;
  database_.transaction([&] {
    std::vector<std::int64_t> numbers;
    {
      auto rows = database_.prepare("SELECT number FROM traces WHERE number < ?1 ORDER BY number LIMIT ?2");
      rows.bind(1, before_ns.value_or(std::numeric_limits<std::int64_t>::max()))
          .bind(2, static_cast<std::int64_t>(most));
      while (rows.step()) numbers.push_back(rows.integer(0));
    }
    for (const auto number : numbers) remove_row(number);
    if (!numbers.empty()) {
      database_.execute(
          "DELETE FROM feedback WHERE NOT EXISTS (SELECT 1 FROM traces t WHERE t.tenant = feedback.tenant AND t.id = "
          "feedback.trace)");
    }
    gone = numbers.size();
  });
  return gone;
}

std::size_t TraceWriter::retain(std::int64_t now_ns) {
  constexpr std::size_t slice = 500;
  std::size_t gone = 0;
  if (options_->max_age) {
    const auto before = now_ns - std::chrono::nanoseconds(*options_->max_age).count();
    for (auto some = slice; some == slice; gone += some) some = remove_oldest(before, slice);
  }
  if (options_->max_bytes) {
    for (auto used = used_bytes(); used > *options_->max_bytes; used = used_bytes()) {
      // As many as the excess is of the whole, so that no more go than must.
      const auto share = static_cast<double>(used - *options_->max_bytes) / static_cast<double>(used);
      const auto wanted = static_cast<std::size_t>(share * static_cast<double>(count())) + 1;
      const auto some = remove_oldest({}, std::min(wanted, slice));
      gone += some;
      if (some == 0) break;
    }
  }
  if (gone != 0) database_.execute("PRAGMA incremental_vacuum");
  return gone;
}

}  // namespace dspy::server
