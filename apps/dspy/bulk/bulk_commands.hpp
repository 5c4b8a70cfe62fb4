#pragma once

#include "command.hpp"
#include "dspy/bulk/queue/shared_limits.hpp"
#include "dspy/programs/program.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace dspy::app {

/// Flags of `dspy run` that make it a bulk run: into a folder, by shards, resumable.
struct BulkFlags {
  std::string out;
  std::string shard = "0/1";
  std::string rule;
  bool resume = false;
  bool retry_failed = false;
  std::size_t part_rows = 10'000;
  std::uint64_t max_rows = 0;
  std::size_t max_errors = 0;
  std::string limits;  ///< A Redis server's address; empty: none.
  std::optional<double> requests_per_minute, tokens_per_minute;
  std::optional<std::uint64_t> budget_requests, budget_tokens;
  std::optional<double> budget_usd;

  void add_to(CLI::App& command);
};

/// Runs the shard that the flags name.  `source` is the program's file.
int run_shard(Program program, const Signature& signature, const std::string& source, const std::string& inputs,
              std::size_t concurrency, const BulkFlags& flags, bool json);

/// A program file or a flow, with its model, and what goes in and comes out.
struct ReadyProgram {
  Program program;
  Signature signature;
  std::string source = {};  ///< The file's text.
};
ReadyProgram ready_program(const ProgramFlags& program, const ModelFlags& model, const PolicyFlags& policy);

std::optional<std::int64_t> to_nanodollars(std::optional<double> dollars);
/// Has all models of the program ask under the fleet's limits, by the prices of dspy.toml.
void share_limits(Program& program, const std::shared_ptr<SharedLimits>& limits);

void add_bulk(CLI::App& app, Plan& plan);
void add_worker(CLI::App& app, Plan& plan);
void add_batch(CLI::App& app, Plan& plan);

}  // namespace dspy::app
