#include "dspy/server/jobs/job_store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/tracing/redactor.hpp"
#include "dspy/lm/tracing/trace_context.hpp"
#include "dspy/storage/database.hpp"
#include "server/private_file.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr std::string_view schema = R"(
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, state TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  asked TEXT NOT NULL, came TEXT NOT NULL);
CREATE INDEX jobs_by_tenant ON jobs (tenant, number);
CREATE INDEX jobs_by_state ON jobs (state, number);
)";

constexpr std::string_view columns = "id, tenant, state, created_at, updated_at, attempts, asked, came";

std::int64_t to_number(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
Time to_time(std::int64_t number) {
  return Time(std::chrono::milliseconds(number));
}

/// What never changes.
std::string asked_text(const Job& job) {
  JsonObject out{{"program", job.program}, {"inputs", job.inputs},
                 {"options", job.options}, {"unit", job.unit},
                 {"key", job.caller.key},  {"scopes", JsonArray(job.caller.scopes.begin(), job.caller.scopes.end())}};
  if (job.remote_parent) {
    out["traceparent"] = traceparent(*job.remote_parent);
    if (!job.remote_parent->state.empty()) out["tracestate"] = job.remote_parent->state;
  }
  return to_text(out);
}

std::shared_ptr<const TraceContext> remote_parent_of(const JsonObject& asked) {
  const auto text = [&](std::string_view name) {
    const auto* const value = asked.if_contains(name);
    return value == nullptr ? std::string_view() : view(value->as_string());
  };
  auto context = read_trace_context(text("traceparent"), text("tracestate"));
  return context ? std::make_shared<const TraceContext>(*std::move(context)) : nullptr;
}

std::string came_text(const Job& job) {
  return to_text(
      JsonObject{{"answer", job.answer}, {"error", job.error}, {"waiting", job.waiting}, {"decisions", job.decisions}});
}

/// A job needs what it was given until it is over.
void redact(Job& job) {
  const Redactor redactor;
  for (auto* const part : {&job.inputs, &job.answer, &job.decisions}) {
    Json value(std::move(*part));
    redactor.redact(value);
    *part = std::move(value.as_object());
  }
}

JsonObject object_of(std::string_view text, const std::filesystem::path& path) {
  auto json = parse_json(text);
  if (!json || !json->is_object())
    throw Error(Errc::io_error,
                std::format("`{}` holds a job that cannot be read; restore it from a copy", path.string()));
  return std::move(json->as_object());
}

Job job_of(const storage::Statement& row, const std::filesystem::path& path) {
  Job out{.id = std::string(row.bytes(0)),
          .attempts = static_cast<int>(row.integer(5)),
          .created_at = to_time(row.integer(3)),
          .updated_at = to_time(row.integer(4))};
  out.caller.tenant = row.bytes(1);
  const auto state = job_state(row.bytes(2));
  if (!state) throw Error(Errc::io_error, std::format("`{}` contains a job in an unknown state", path.string()));
  out.state = *state;
  const auto asked = object_of(row.bytes(6), path);
  auto came = object_of(row.bytes(7), path);
  out.program = view(asked.at("program").as_string());
  out.inputs = asked.at("inputs").as_object();
  out.options = asked.at("options").as_object();
  out.caller.key = view(asked.at("key").as_string());
  const auto* const unit = asked.if_contains("unit");  // not in files of before
  out.unit = unit != nullptr ? std::string(view(unit->as_string())) : out.id;
  out.remote_parent = remote_parent_of(asked);
  for (const auto& scope : asked.at("scopes").as_array()) out.caller.scopes.emplace_back(view(scope.as_string()));
  out.answer = std::move(came.at("answer").as_object());
  out.error = std::move(came.at("error").as_object());
  out.waiting = std::move(came.at("waiting").as_array());
  out.decisions = std::move(came.at("decisions").as_object());
  return out;
}

}  // namespace

class JobStore::State {
 public:
  explicit State(const std::filesystem::path& path)
      : database(private_file(path), {.migrations = {std::string(schema)}, .purpose = "jobs"}) {
    database.execute("PRAGMA secure_delete = ON");  // what is redacted is not left in the file
  }

  std::vector<Job> rows(storage::Statement statement) {
    std::vector<Job> out;
    while (statement.step()) out.push_back(job_of(statement, database.path()));
    return out;
  }

  std::mutex mutex;
  storage::Database database;
};

JobStore::JobStore(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
JobStore::~JobStore() = default;

const std::filesystem::path& JobStore::path() const noexcept {
  return state_->database.path();
}

void JobStore::add(Job& job) {
  job.created_at = job.updated_at = to_time(to_number(std::chrono::system_clock::now()));
  const std::lock_guard lock(state_->mutex);
  auto insert = state_->database.prepare(std::format("INSERT INTO jobs ({}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", columns));
  insert.bind_text(1, job.id).bind_text(2, job.caller.tenant).bind_text(3, to_string(job.state));
  insert.bind(4, to_number(job.created_at)).bind(5, to_number(job.updated_at)).bind(6, std::int64_t{job.attempts});
  insert.bind_text(7, asked_text(job)).bind_text(8, came_text(job));
  insert.run();
}

std::optional<Job> JobStore::find(std::string_view id) const {
  const std::lock_guard lock(state_->mutex);
  auto select = state_->database.prepare(std::format("SELECT {} FROM jobs WHERE id = ?", columns));
  select.bind_text(1, id);
  if (!select.step()) return std::nullopt;
  return job_of(select, state_->database.path());
}

std::vector<Job> JobStore::list(std::string_view tenant, std::optional<JobState> state, std::size_t limit,
                                std::string_view key) const {
  const std::lock_guard lock(state_->mutex);
  auto select = state_->database.prepare(std::format(
      "SELECT {} FROM jobs WHERE tenant = ?1 AND (?2 = '' OR state = ?2) AND (?4 = '' OR json_extract(asked, '$.key') "
      "= ?4) ORDER BY number DESC LIMIT ?3",
      columns));
  select.bind_text(1, tenant).bind_text(2, state ? to_string(*state) : std::string_view(""));
  select.bind(3, static_cast<std::int64_t>(limit))
      .bind_text(4, key.empty() ? std::string_view("") : key);  // no data would be NULL
  return state_->rows(std::move(select));
}

std::vector<Job> JobStore::unfinished() const {
  const std::lock_guard lock(state_->mutex);
  return state_->rows(state_->database.prepare(
      std::format("SELECT {} FROM jobs WHERE state IN ('queued', 'running') ORDER BY number", columns)));
}

bool JobStore::update(Job& job, std::initializer_list<JobState> from) {
  std::string states;
  for (const auto state : from) states += std::format("{}'{}'", states.empty() ? "" : ", ", to_string(state));
  const std::lock_guard lock(state_->mutex);
  job.updated_at = to_time(to_number(std::chrono::system_clock::now()));
  auto kept = job;
  if (is_over(job.state)) redact(kept);
  auto change = state_->database.prepare(std::format(
      "UPDATE jobs SET state = ?1, updated_at = ?2, attempts = ?3, came = ?4, asked = CASE WHEN ?6 = '' THEN "
      "asked ELSE ?6 END WHERE id = ?5 AND state IN ({})",
      states));
  change.bind_text(1, to_string(job.state)).bind(2, to_number(job.updated_at)).bind(3, std::int64_t{job.attempts});
  change.bind_text(4, came_text(kept)).bind_text(5, job.id);
  change.bind_text(6, is_over(job.state) ? asked_text(kept) : std::string());
  return change.run() == 1;
}

std::size_t JobStore::remove_over(std::chrono::system_clock::time_point time) {
  const std::lock_guard lock(state_->mutex);
  auto remove =
      state_->database.prepare("DELETE FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND updated_at < ?");
  remove.bind(1, to_number(time));
  return remove.run();
}

}  // namespace dspy::server
