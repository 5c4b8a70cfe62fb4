#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "dspy/storage/database.hpp"
#include "server/resources/cursor.hpp"
#include "server/traces/trace_reader.hpp"
#include "server/traces/trace_words.hpp"
#include "server/traces/trace_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::size_t most_rows = 1'000;
constexpr std::size_t most_counted = 1'000;

struct SortColumn {
  std::string_view name;
  std::string_view sql;
};
constexpr std::array sorts = {SortColumn{"started_at", "t.number"}, SortColumn{"seconds", "t.nanoseconds"},
                              SortColumn{"cost", "ifnull(t.cost, -1)"}, SortColumn{"tokens", "ifnull(t.tokens, -1)"}};

Error bad(const std::string& message) {
  return {Errc::bad_input, message};
}

double number(std::string_view name, std::string_view text) {
  double out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !(std::abs(out) < 9e9))
    throw bad(std::format("`{}` is a number, such as 0.5", name));
  return out;
}

std::int64_t moment(std::string_view name, std::string_view text) {
  const auto time = parse_iso_time(text);
  if (!time) throw bad(std::format("`{}` is a time such as 2026-11-29T20:15:00Z", name));
  return time->time_since_epoch().count();
}

/// Conditions, and the values that are bound to them in their order.
class Conditions {
 public:
  void add(std::string_view condition) { add_text(condition); }
  void add(std::string_view condition, std::int64_t value) {
    values_.emplace_back(value);
    add_text(condition);
  }
  void add(std::string_view condition, std::string_view value) {
    values_.emplace_back(std::string(value));
    add_text(condition);
  }

  const std::string& sql() const noexcept { return sql_; }
  void bind(storage::Statement& statement) const {
    int at = 0;
    for (const auto& value : values_) {
      ++at;
      if (const auto* const integer = std::get_if<std::int64_t>(&value)) {
        statement.bind(at, *integer);
      } else {
        statement.bind_text(at, std::get<std::string>(value));
      }
    }
  }

 private:
  /// `?` is the value that was added last.
  void add_text(std::string_view condition) {
    sql_ += sql_.empty() ? "" : " AND ";
    for (const char c : condition) {
      sql_ += c;
      if (c == '?') sql_ += std::to_string(values_.size());
    }
  }

  std::string sql_;
  std::vector<std::variant<std::int64_t, std::string>> values_;
};

struct Plan {
  std::string from = {};
  Conditions conditions = {};
  bool is_empty = false;  ///< Nothing can meet it.
};

void add_filter(Conditions& conditions, std::string& words, std::string_view name, std::string_view value) {
  const auto tagged = [&](char kind) {
    words += std::format("{}tags : \"{}\"", words.empty() ? "" : " AND ", tag(kind, value));
  };
  if (name == "status" && value != "ok" && value != "error" && value != "unfinished")
    throw bad("`status` is ok, error or unfinished");
  if (name == "id" || name == "program" || name == "version" || name == "status" || name == "key") {
    conditions.add(std::format("t.{} = ?", name), value);
  } else if (name == "lm") {
    tagged('m');
  } else if (name == "path") {
    tagged('a');
  } else if (name == "since") {
    conditions.add("t.number >= ?", moment(name, value));
  } else if (name == "until") {
    conditions.add("t.number < ?", moment(name, value));
  } else if (name == "min_seconds") {
    conditions.add("t.nanoseconds >= ?", std::llround(number(name, value) * 1e9));
  } else if (name == "min_cost") {
    conditions.add("ifnull(t.cost, -1) >= ?", std::llround(number(name, value) * 1e9));
  } else if (name == "min_tokens") {
    conditions.add("ifnull(t.tokens, -1) >= ?", std::llround(number(name, value)));
  } else {
    throw bad(
        std::format("traces cannot be filtered by `{}`; use id, program, version, status, key, lm, path, since, "
                    "until, min_seconds, min_cost or min_tokens",
                    name));
  }
}

Plan plan_of(const TraceQuery& query) {
  Plan out{.from = "traces t"};
  out.conditions.add("t.tenant = ?", query.tenant);
  auto words = full_text_query(query.text);
  out.is_empty = words.empty() && query.text.find_first_not_of(" \t\r\n") != std::string::npos;
  for (const auto& [name, value] : query.filters) add_filter(out.conditions, words, name, value);
  if (words.empty()) return out;
  // The index narrows to the tenant and what else it knows; the table decides.
  words += std::format(" AND tags : \"{}\"", tag('t', query.tenant));
  if (const auto program = query.filters.find("program"); program != query.filters.end() && !program->second.empty())
    words += std::format(" AND tags : \"{}\"", tag('p', program->second));
  if (const auto status = query.filters.find("status"); status != query.filters.end())
    words += std::format(" AND tags : \"{}\"", tag('s', status->second));
  out.from = "trace_texts x CROSS JOIN traces t ON t.number = x.rowid";
  out.conditions.add("trace_texts MATCH ?", words);
  return out;
}

double dollars(std::int64_t nanodollars) {
  return static_cast<double>(nanodollars) / 1e9;
}

constexpr std::string_view columns =
    "t.number, t.id, t.program, t.version, t.key, t.status, t.nanoseconds, t.cost, t.tokens, t.spans, t.summary";

JsonObject item_of(const storage::Statement& row) {
  const auto text = [&](int column) { return std::string(row.bytes(column)); };
  const std::chrono::sys_time<std::chrono::nanoseconds> started{std::chrono::nanoseconds(row.integer(0))};
  JsonObject out{{"id", text(1)},
                 {"started_at", iso_time(std::chrono::time_point_cast<std::chrono::system_clock::duration>(started))},
                 {"program", text(2)}};
  if (!row.bytes(3).empty()) out["version"] = text(3);
  if (!row.bytes(4).empty()) out["key"] = text(4);
  out["status"] = text(5);
  out["seconds"] = static_cast<double>(row.integer(6)) / 1e9;
  if (const auto cost = row.optional_integer(7)) out["cost"] = dollars(*cost);
  if (const auto tokens = row.optional_integer(8)) out["tokens"] = *tokens;
  out["spans"] = row.integer(9);
  if (const auto summary = parse_json(row.bytes(10)); summary && summary->is_object()) {
    for (const auto& each : summary->get_object()) out.emplace(each.key(), each.value());
  }
  return out;
}

std::optional<std::size_t> count(storage::Database& database, const Plan& plan) {
  auto row = database.prepare(std::format("SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} LIMIT {})", plan.from,
                                          plan.conditions.sql(), most_counted + 1));
  plan.conditions.bind(row);
  row.step();
  const auto found = static_cast<std::size_t>(row.integer(0));
  return found > most_counted ? std::nullopt : std::optional(found);
}

}  // namespace

TracePage list_traces(storage::Database& database, const TraceQuery& query) {
  if (query.limit == 0 || query.limit > most_rows) throw bad(std::format("`limit` is 1 to {}", most_rows));
  const auto* const sort = std::ranges::find(sorts, std::string_view(query.sort), &SortColumn::name);
  if (sort == sorts.end())
    throw bad(std::format("traces cannot be sorted by `{}`; use started_at, seconds, cost or tokens", query.sort));
  auto plan = plan_of(query);
  TracePage page;
  if (plan.is_empty) {
    page.total = 0;
    return page;
  }
  if (query.cursor.empty()) page.total = count(database, plan);
  const bool by_time = sort->name == "started_at";
  const bool has_words = plan.from != "traces t";
  const auto number = by_time && has_words ? "x.rowid" : "t.number";
  const auto order = by_time ? std::string(number) : std::string(sort->sql);
  const auto* const direction = query.descending ? "DESC" : "ASC";
  const auto* const beyond = query.descending ? "<" : ">";
  if (!query.cursor.empty()) {
    const auto at = cursor_from(query.cursor, query.sort, query.descending);
    if (by_time) {
      plan.conditions.add(std::format("{} {} ?", number, beyond), at.number);
    } else {
      plan.conditions.add(std::format("{} {}= ?", order, beyond), at.value);
      plan.conditions.add(std::format("({0} {1} {2} OR t.number {1} ?)", order, beyond, at.value), at.number);
    }
  }
  auto rows = database.prepare(std::format("SELECT {}, {} FROM {} WHERE {} ORDER BY {} {}{} LIMIT {}", columns, order,
                                           plan.from, plan.conditions.sql(), order, direction,
                                           by_time ? "" : std::format(", t.number {}", direction), query.limit + 1));
  plan.conditions.bind(rows);
  Cursor last;
  while (rows.step()) {
    if (page.items.size() == query.limit) {
      page.next = cursor_text(last, query.sort, query.descending);
      break;
    }
    page.items.push_back(item_of(rows));
    last = {.value = rows.integer(11), .number = rows.integer(0)};
  }
  return page;
}

}  // namespace dspy::server
