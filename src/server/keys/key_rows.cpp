#include "server/keys/key_rows.hpp"

#include "dspy/base/json.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/keys/key.hpp"
#include "dspy/storage/database.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr std::string_view schema = R"(
CREATE TABLE keys (
  id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL, scopes TEXT NOT NULL,
  models TEXT NOT NULL, family TEXT NOT NULL, requests_per_minute INTEGER, tokens_per_day INTEGER,
  tokens_per_month INTEGER, nanodollars_per_day INTEGER, nanodollars_per_month INTEGER, created_at INTEGER NOT NULL,
  expires_at INTEGER, revoked_at INTEGER, last_used INTEGER) WITHOUT ROWID;
CREATE INDEX keys_by_tenant ON keys (tenant, created_at);
CREATE TABLE spending (
  family TEXT NOT NULL, period TEXT NOT NULL, requests INTEGER NOT NULL, tokens INTEGER NOT NULL,
  nanodollars INTEGER NOT NULL, PRIMARY KEY (family, period)) WITHOUT ROWID;
)";

constexpr std::string_view columns =
    "id, hash, name, tenant, scopes, models, family, requests_per_minute, tokens_per_day, tokens_per_month, "
    "nanodollars_per_day, nanodollars_per_month, created_at, expires_at, revoked_at, last_used";

std::int64_t to_number(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
std::optional<std::int64_t> to_number(std::optional<Time> time) {
  return time ? std::optional(to_number(*time)) : std::nullopt;
}
Time to_time(std::int64_t number) {
  return Time(std::chrono::milliseconds(number));
}
std::optional<Time> to_time(std::optional<std::int64_t> number) {
  return number ? std::optional(to_time(*number)) : std::nullopt;
}
std::optional<std::int64_t> to_signed(std::optional<std::uint64_t> count) {
  return count ? std::optional(static_cast<std::int64_t>(*count)) : std::nullopt;
}
std::optional<std::uint64_t> to_count(std::optional<std::int64_t> number) {
  return number ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

std::string list_text(const std::vector<std::string>& names) {
  return to_text(Json(JsonArray(names.begin(), names.end())));
}
std::vector<std::string> names_of(std::string_view text) {
  std::vector<std::string> out;
  const auto json = parse_json(text);
  if (!json || !json->is_array()) return out;
  for (const auto& each : json->get_array()) {
    if (each.is_string()) out.emplace_back(view(each.get_string()));
  }
  return out;
}

KeyRow row_of(const storage::Statement& row) {
  const auto text = [&](int column) { return std::string(row.bytes(column)); };
  return {.key = {.id = text(0),
                  .name = text(2),
                  .tenant = text(3),
                  .scopes = names_of(row.bytes(4)),
                  .models = names_of(row.bytes(5)),
                  .family = text(6),
                  .limits = {.requests_per_minute = to_count(row.optional_integer(7)),
                             .tokens_per_day = to_count(row.optional_integer(8)),
                             .tokens_per_month = to_count(row.optional_integer(9)),
                             .nanodollars_per_day = row.optional_integer(10),
                             .nanodollars_per_month = row.optional_integer(11)},
                  .created_at = to_time(row.integer(12)),
                  .expires_at = to_time(row.optional_integer(13)),
                  .revoked_at = to_time(row.optional_integer(14)),
                  .last_used = to_time(row.optional_integer(15))},
          .hash = text(1)};
}

}  // namespace

Period period_at(Time now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  return {.day = std::format("d{:%F}", day), .month = std::format("m{:%Y-%m}", day)};
}

KeyRows::KeyRows(const std::filesystem::path& path)
    : database_(path, {.migrations = {std::string(schema)}, .purpose = "key store"}),
      find_(database_.prepare(std::format("SELECT {} FROM keys WHERE id = ?1", columns))),
      used_(database_.prepare("UPDATE keys SET last_used = ?2 WHERE id = ?1")),
      spend_(database_.prepare("INSERT INTO spending (family, period, requests, tokens, nanodollars) "
                               "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (family, period) DO UPDATE SET "
                               "requests = requests + ?3, tokens = tokens + ?4, nanodollars = nanodollars + ?5")),
      spent_(
          database_.prepare("SELECT requests, tokens, nanodollars FROM spending WHERE family = ?1 AND period = ?2")) {}

void KeyRows::insert(const KeyRow& row) {
  const auto& [key, hash] = row;
  database_
      .prepare(std::format("INSERT INTO keys ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
                           "?15, ?16)",
                           columns))
      .bind_text(1, key.id)
      .bind_text(2, hash)
      .bind_text(3, key.name)
      .bind_text(4, key.tenant)
      .bind_text(5, list_text(key.scopes))
      .bind_text(6, list_text(key.models))
      .bind_text(7, key.family)
      .bind(8, to_signed(key.limits.requests_per_minute))
      .bind(9, to_signed(key.limits.tokens_per_day))
      .bind(10, to_signed(key.limits.tokens_per_month))
      .bind(11, key.limits.nanodollars_per_day)
      .bind(12, key.limits.nanodollars_per_month)
      .bind(13, to_number(key.created_at))
      .bind(14, to_number(key.expires_at))
      .bind(15, to_number(key.revoked_at))
      .bind(16, to_number(key.last_used))
      .run();
}

std::optional<KeyRow> KeyRows::find(const std::string& id) {
  find_.bind_text(1, id);
  std::optional<KeyRow> out;
  if (find_.step()) out = row_of(find_);
  find_.reset();
  return out;
}

std::vector<KeyRow> KeyRows::list(const std::optional<std::string>& tenant) {
  auto rows = database_.prepare(
      std::format("SELECT {} FROM keys {}ORDER BY created_at DESC, id", columns, tenant ? "WHERE tenant = ?1 " : ""));
  if (tenant) rows.bind_text(1, *tenant);
  std::vector<KeyRow> out;
  while (rows.step()) out.push_back(row_of(rows));
  return out;
}

void KeyRows::set_expiry(const std::string& id, Time at) {
  database_.prepare("UPDATE keys SET expires_at = ?2 WHERE id = ?1").bind_text(1, id).bind(2, to_number(at)).run();
}

void KeyRows::set_revoked(const std::string& id, Time at) {
  database_.prepare("UPDATE keys SET revoked_at = ?2 WHERE id = ?1").bind_text(1, id).bind(2, to_number(at)).run();
}

void KeyRows::set_used(const std::string& id, Time at) {
  used_.bind_text(1, id).bind(2, to_number(at)).run();
}

void KeyRows::add_spending(const std::string& family, const Period& period, std::uint64_t requests,
                           std::uint64_t tokens, std::int64_t nanodollars) {
  database_.transaction([&] {
    for (const auto& each : {period.day, period.month}) {
      spend_.bind_text(1, family)
          .bind_text(2, each)
          .bind(3, static_cast<std::int64_t>(requests))
          .bind(4, static_cast<std::int64_t>(tokens))
          .bind(5, nanodollars)
          .run();
    }
  });
}

KeySpending KeyRows::spending(const std::string& family, const Period& period) {
  KeySpending out;
  const auto read = [&](const std::string& which, std::uint64_t& requests, std::uint64_t& tokens, std::int64_t& money) {
    spent_.bind_text(1, family).bind_text(2, which);
    if (spent_.step()) {
      requests = static_cast<std::uint64_t>(spent_.integer(0));
      tokens = static_cast<std::uint64_t>(spent_.integer(1));
      money = spent_.integer(2);
    }
    spent_.reset();
  };
  read(period.day, out.requests_today, out.tokens_today, out.nanodollars_today);
  read(period.month, out.requests_this_month, out.tokens_this_month, out.nanodollars_this_month);
  return out;
}

JsonObject to_json(const Key& key, const KeySpending& spending) {
  const auto names = [](const std::vector<std::string>& list) { return JsonArray(list.begin(), list.end()); };
  const auto dollars = [](std::int64_t amount) { return static_cast<double>(amount) / 1e9; };
  JsonObject out{{"id", key.id},
                 {"name", key.name},
                 {"tenant", key.tenant},
                 {"scopes", names(key.scopes)},
                 {"models", names(key.models)},
                 {"created_at", iso_time(key.created_at)}};
  if (key.expires_at) out["expires_at"] = iso_time(*key.expires_at);
  if (key.revoked_at) out["revoked_at"] = iso_time(*key.revoked_at);
  if (key.last_used) out["last_used"] = iso_time(*key.last_used);
  JsonObject budget;
  const auto& limits = key.limits;
  if (limits.requests_per_minute) budget["requests_per_minute"] = *limits.requests_per_minute;
  if (limits.tokens_per_day) budget["tokens_per_day"] = *limits.tokens_per_day;
  if (limits.tokens_per_month) budget["tokens_per_month"] = *limits.tokens_per_month;
  if (limits.nanodollars_per_day) budget["usd_per_day"] = dollars(*limits.nanodollars_per_day);
  if (limits.nanodollars_per_month) budget["usd_per_month"] = dollars(*limits.nanodollars_per_month);
  out["budget"] = std::move(budget);
  out["spent"] = {{"requests_today", spending.requests_today},
                  {"requests_this_month", spending.requests_this_month},
                  {"tokens_today", spending.tokens_today},
                  {"tokens_this_month", spending.tokens_this_month},
                  {"usd_today", dollars(spending.nanodollars_today)},
                  {"usd_this_month", dollars(spending.nanodollars_this_month)}};
  return out;
}

}  // namespace dspy::server
