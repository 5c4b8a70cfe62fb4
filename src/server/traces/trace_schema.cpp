#include "server/traces/trace_schema.hpp"

#include "dspy/storage/database.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace dspy::server {
namespace {

// `number` is the time in nanoseconds at which the trace began, moved on by one where it is taken: rows lie in the
// order of time, and a full-text search goes through them in that order too.
constexpr std::string_view schema = R"(
CREATE TABLE traces (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, tenant TEXT NOT NULL, program TEXT NOT NULL, version TEXT NOT NULL,
  key TEXT NOT NULL, status TEXT NOT NULL, nanoseconds INTEGER NOT NULL, cost INTEGER, tokens INTEGER,
  spans INTEGER NOT NULL, left_out INTEGER NOT NULL, summary TEXT NOT NULL);
CREATE UNIQUE INDEX traces_by_id ON traces (tenant, id);
CREATE INDEX traces_by_time ON traces (tenant, number);
CREATE INDEX traces_by_program ON traces (tenant, program, number);
CREATE INDEX traces_by_status ON traces (tenant, status, number);
CREATE INDEX traces_by_seconds ON traces (tenant, nanoseconds, number);
CREATE INDEX traces_by_cost ON traces (tenant, ifnull(cost, -1), number);
CREATE INDEX traces_by_tokens ON traces (tenant, ifnull(tokens, -1), number);
CREATE TABLE spans (
  trace INTEGER NOT NULL, place INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (trace, place));
CREATE VIRTUAL TABLE trace_texts USING fts5 (tags, text, content='', contentless_delete=1);
CREATE TABLE feedback (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, trace TEXT NOT NULL, name TEXT NOT NULL,
  score TEXT NOT NULL, comment TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX feedback_by_trace ON feedback (tenant, trace, number);
CREATE INDEX feedback_by_tenant ON feedback (tenant, number);
)";

/// A server must not wait long for its traces when it starts; damage in a larger file shows where it is read.
constexpr std::uintmax_t most_checked = 4U << 20;

storage::Database opened(const std::filesystem::path& path, std::uintmax_t check_up_to) {
  return storage::Database(
      path, {.migrations = {std::string(schema)}, .purpose = "trace store", .check_up_to_bytes = check_up_to});
}

}  // namespace

storage::Database open_traces(const std::filesystem::path& path) {
  return opened(path, most_checked);
}

storage::Database open_traces_again(const std::filesystem::path& path) {
  return opened(path, 0);
}

}  // namespace dspy::server
