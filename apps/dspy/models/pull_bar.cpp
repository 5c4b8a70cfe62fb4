#include "models/pull_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <format>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::app {
namespace {

std::string size_text(std::uint64_t bytes) {
  const auto number = static_cast<double>(bytes);
  return number >= 1e9 ? std::format("{:.2f} GB", number / 1e9) : std::format("{:.1f} MB", number / 1e6);
}

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

std::string bar_line(std::string_view name, std::uint64_t done, std::optional<std::uint64_t> total, double seconds,
                     std::uint64_t bytes_in_that_time, int columns) {
  const auto speed = seconds > 0 ? static_cast<double>(bytes_in_that_time) / seconds : 0.0;
  std::string right = size_text(done);
  if (total) right += " of " + size_text(*total);
  if (speed > 0) right += std::format("  {:.1f} MB/s", speed / 1e6);
  if (total && *total > 0) {
    const auto part = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
    const auto filled = static_cast<std::size_t>(part * 20);
    right =
        std::format("[{}{}] {:>3.0f} %  ", std::string(filled, '#'), std::string(20 - filled, '.'), part * 100) + right;
    if (speed > 0 && done < *total) {
      const auto left = std::min(359'999.0, static_cast<double>(*total - done) / speed);
      const std::chrono::seconds rest(static_cast<std::int64_t>(left) + 1);
      right += std::format("  {:%T} left", rest);
    }
  }
  const auto room = static_cast<std::size_t>(std::max(columns, 20)) - 1;
  if (right.size() + 9 > room) return right.substr(0, room);
  auto left = std::string(name);
  if (left.size() + 2 + right.size() > room) left = left.substr(0, room - right.size() - 5) + "...";
  return left + "  " + right;
}

PullBar::PullBar(bool is_quiet) : draws_(!is_quiet && ::isatty(STDERR_FILENO) == 1), is_quiet_(is_quiet) {}

PullBar::~PullBar() {
  clear();
}

void PullBar::clear() {
  if (!is_drawn_) return;
  std::cerr << "\r\x1b[K" << std::flush;
  is_drawn_ = false;
}

void PullBar::show(const std::string& file, std::uint64_t done, std::optional<std::uint64_t> total) {
  if (!draws_) return;
  const auto now = Clock::now();
  if (file != file_) {
    file_ = file;
    first_ = done;
    began_ = now;
    drawn_ = {};
  }
  if (now - drawn_ < std::chrono::milliseconds(150) && done != total) return;
  drawn_ = now;
  const auto seconds = std::chrono::duration<double>(now - began_).count();
  std::cerr << "\r\x1b[K" << bar_line(file, done, total, seconds, done - std::min(done, first_), terminal_columns())
            << std::flush;
  is_drawn_ = true;
}

void PullBar::say(std::string_view words) {
  if (is_quiet_) return;
  clear();
  std::cerr << words << '\n';
}

}  // namespace dspy::app
