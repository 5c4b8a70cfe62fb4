#include "dspy/bulk/run.hpp"

#include "bulk/manifest.hpp"
#include "bulk/part_folder.hpp"
#include "bulk/progress_file.hpp"
#include "bulk/row_outcome.hpp"
#include "bulk/row_source.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/signature/type.hpp"

#include <chrono>
#include <cstddef>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dspy {
namespace {

using bulk::InputRow;
using bulk::RowHead;
using bulk::RowState;

void validate(const BulkOptions& options) {
  if (options.concurrency == 0)
    throw Error(Errc::invalid_parameter, "a run of concurrency 0 would never begin; allow at least 1 row at a time");
  if (options.part_rows == 0) throw Error(Errc::invalid_parameter, "a part file holds at least 1 row, not 0");
}

bulk::Manifest manifest_of(const BulkJob& job, const BulkOptions& options, const ShardRule& rule) {
  bulk::Manifest out{.program = job.version, .shards = options.shard.count, .rule = to_string(rule)};
  bulk::describe_inputs(out, job.inputs);
  for (const auto& field : job.signature.inputs) {
    out.input_fields.push_back(field.name);
    // A cell is read alike for an input with a default as for an optional one.
    out.input_types.push_back(to_notation(field.is_required() ? field.type : Type::optional(field.type)));
  }
  for (const auto& field : job.signature.outputs) out.output_fields.push_back(field.name);
  return out;
}

/// One shard's run.  All of it happens where `wait` drives it, so nothing is locked.
class Work {
 public:
  Work(const Program& program, const BulkJob& job, const BulkOptions& options, std::unique_ptr<bulk::RowSource> source)
      : program_(program),
        job_(job),
        options_(options),
        clock_(*options.clock),
        folder_(bulk::shard_folder(job.out, options.shard.index), options.part_rows, clock_),
        source_(std::move(source)),
        begun_(clock_.now()),
        told_(begun_) {
    if (!folder_.rows().empty() && !options.resume)
      throw Error(
          Errc::config_error,
          std::format(
              "shard {} was started before and has {} rows in `{}`; resume it (--resume), or name another folder",
              to_string(options.shard), folder_.rows().size(), job.out.string()));
  }

  BulkReport run() {
    bulk::write_progress(folder_.path(), report_, bulk::ShardState::running, clock_);
    wait(run_concurrently(options_.concurrency, options_.concurrency, [this](std::size_t) { return work(this); }));
    folder_.seal();
    report_.is_complete = has_ended_ && !report_.stopped && report_.again == 0;
    tell(true);
    bulk::write_progress(folder_.path(), report_,
                         report_.is_complete ? bulk::ShardState::complete : bulk::ShardState::stopped, clock_);
    return std::move(report_);
  }

 private:
  /// One of the rows under way at a time.
  static Async<void> work(Work* self) {
    InputRow row;
    while (self->take(row)) {
      RowHead head{.at = row.at, .sum = bulk::sum_of(row)};
      auto values = bulk::values_of(row);
      bulk::RowOutcome outcome;
      if (values) {
        try {
          outcome = co_await bulk::ask_row(self->program_, self->job_.version, *std::move(values), self->options_.call);
        } catch (const Error& /*cancelled*/) {
          self->stop(told_to());  // the row counts as not started
          co_return;
        }
      } else {
        outcome.key =
            idempotency_key(self->job_.version, {{"row", row.text}, {"problem", row.problem}, {"at", row.at}});
        outcome.error = Error(Errc::bad_input, bulk::name_of(row, self->job_.inputs) + " " + values.error());
      }
      self->finish(head, outcome);
    }
  }

  /// The next row that has no answer yet.
  bool take(InputRow& row) {
    if (report_.stopped) return false;
    if (options_.call.stop.stop_requested()) {
      stop(told_to());
      return false;
    }
    if (options_.max_rows != 0 && begun_rows_ >= options_.max_rows) {
      stop(
          Error(Errc::cancelled, std::format("{} rows were run, the limit; resume it to continue", options_.max_rows)));
      return false;
    }
    while (!has_ended_) {
      if (!source_->next(row)) {
        has_ended_ = true;
        require_all_taken();
        return false;
      }
      if (is_finished(row)) continue;
      ++begun_rows_;
      return true;
    }
    return false;
  }

  /// Both go by place, so one look ahead is enough.
  bool is_finished(const InputRow& row) {
    const auto& rows = folder_.rows();
    if (next_ == rows.size()) return false;
    if (rows[next_].at < row.at) inputs_changed(rows[next_].at);
    if (rows[next_].at != row.at) return false;
    const auto& found = rows[next_++];
    if (found.sum != bulk::sum_of(row)) inputs_changed(row.at);
    const bool is_kept = found.state == RowState::done || (found.state == RowState::failed && !options_.retry_failed);
    if (!is_kept) return false;
    ++report_.resumed;
    if (found.state == RowState::failed) ++report_.failed;
    return true;
  }

  void require_all_taken() {
    if (next_ != folder_.rows().size()) inputs_changed(folder_.rows()[next_].at);
  }

  [[noreturn]] void inputs_changed(std::uint64_t at) const {
    throw Error(Errc::config_error,
                std::format("the inputs `{}` are not those that `{}` was begun with: the row at {} differs; restore "
                            "them, or name another folder",
                            job_.inputs.string(), job_.out.string(), at));
  }

  void finish(RowHead head, const bulk::RowOutcome& outcome) {
    if (outcome.error) head.state = passes(outcome.error->code()) ? RowState::again : RowState::failed;
    rest_.clear();
    line_.clear();
    bulk::append_outcome(rest_, outcome);
    bulk::append_row(line_, head, rest_);
    folder_.add(line_);
    ++report_.rows;
    report_.usage += outcome.usage;
    if (head.state == RowState::failed) ++report_.failed;
    if (head.state == RowState::again) ++report_.again;
    if (outcome.error && ends_all(outcome.error->code())) stop(*outcome.error);
    if (outcome.error) ++errors_;
    if (outcome.error && options_.max_errors && errors_ >= *options_.max_errors)
      stop(Error(outcome.error->code(),
                 std::format("{} rows failed, as many as were allowed; the last: {}", errors_, outcome.error->what())));
    tell(false);
  }

  static Error told_to() { return {Errc::cancelled, "it was asked to stop; resume it to continue"}; }

  void stop(const Error& why) {
    if (!report_.stopped) report_.stopped = why;
  }

  void tell(bool is_end) {
    const auto now = clock_.now();
    if (!is_end && now - told_ < options_.progress_every) return;
    told_ = now;
    report_.seconds = std::chrono::duration<double>(now - begun_).count();
    if (options_.progress) options_.progress(report_);
    if (!is_end) bulk::write_progress(folder_.path(), report_, bulk::ShardState::running, clock_);
  }

  const Program& program_;
  const BulkJob& job_;
  const BulkOptions& options_;
  const Clock& clock_;
  bulk::PartFolder folder_;
  std::unique_ptr<bulk::RowSource> source_;
  Clock::Time begun_, told_;
  std::size_t next_ = 0;  ///< In the rows that were there.
  std::uint64_t begun_rows_ = 0;
  std::size_t errors_ = 0;
  bool has_ended_ = false;
  std::string rest_, line_;
  BulkReport report_;
};

}  // namespace

BulkReport run_bulk(const Program& program, const BulkJob& job, const BulkOptions& options) {
  validate(options);
  const auto rule = options.rule.value_or(ShardRule::usual(job.inputs.string()));
  auto source = bulk::open_rows(job.inputs, &job.signature, options.shard, rule);
  bulk::claim(job.out, manifest_of(job, options, rule));
  return Work(program, job, options, std::move(source)).run();
}

}  // namespace dspy
