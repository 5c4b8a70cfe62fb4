#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::app {

/// One line of text that says how far something has come, in `columns` at most.
std::string bar_line(std::string_view name, std::uint64_t done, std::optional<std::uint64_t> total, double seconds,
                     std::uint64_t bytes_in_that_time, int columns);

/// Draws such a line on standard error while a file comes: over and over on a terminal, else not at all.
class PullBar {
 public:
  explicit PullBar(bool is_quiet);
  ~PullBar();
  PullBar(const PullBar&) = delete;
  PullBar& operator=(const PullBar&) = delete;

  void show(const std::string& file, std::uint64_t done, std::optional<std::uint64_t> total);
  /// A line that stays.
  void say(std::string_view words);

 private:
  void clear();

  using Clock = std::chrono::steady_clock;
  bool draws_;
  bool is_quiet_;
  bool is_drawn_ = false;
  std::string file_;
  std::uint64_t first_ = 0;
  Clock::time_point began_;
  Clock::time_point drawn_;
};

}  // namespace dspy::app
