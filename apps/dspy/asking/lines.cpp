#include "asking/lines.hpp"

#include "command.hpp"
#include "dspy/base/text.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <format>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dspy::app {
namespace {

struct Line {
  std::string text = {};
  std::size_t number = 0;
};

std::string answer_line(const Line& line, const LineAnswer& answer) {
  const auto result = attempt([&] {
    const auto json = parse_json(line.text);
    if (!json) {
      ErrorInfo info;
      info.position = json.error().position;
      throw Error(
          Errc::bad_input,
          std::format("line {} is not JSON: {} at byte {}", line.number, json.error().message, json.error().position),
          std::move(info));
    }
    if (!json->is_object()) throw Error(Errc::bad_input, std::format("line {} is not a JSON object", line.number));
    if (const auto repeated = repeated_member(line.text))
      throw Error(Errc::bad_input, std::format("line {} is ambiguous: {} at byte {}", line.number, repeated->message,
                                               repeated->position));
    return answer(json->get_object());
  });
  return to_text(result ? *result : error_object(result.error()));
}

/// Threads that answer lines, and the answers that wait for those before them.
class Pool {
 public:
  Pool(const LineAnswer& answer, std::size_t jobs) : answer_(answer), most_waiting_(jobs * 4) {
    for (std::size_t i = 0; i < jobs; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Waits while too many answers are outstanding, so that memory stays bounded.
  void push(Line line) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_.size() < most_waiting_; });
    questions_.push_back({std::move(line), first_ + answers_.size()});
    answers_.emplace_back();
    lock.unlock();
    changed_.notify_all();
  }

 private:
  struct Question {
    Line line = {};
    std::size_t place = 0;
  };

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return is_over_ || !questions_.empty(); });
      if (questions_.empty()) return;
      const auto question = std::move(questions_.front());
      questions_.pop_front();
      lock.unlock();
      auto text = answer_line(question.line, answer_);
      lock.lock();
      answers_[question.place - first_] = std::move(text);
      print_known();
      changed_.notify_all();
    }
  }

  void print_known() {
    bool has_printed = false;
    for (; !answers_.empty() && answers_.front(); answers_.pop_front(), ++first_) {
      print_line(*answers_.front());
      has_printed = true;
    }
    if (has_printed) std::cout.flush();
  }

  const LineAnswer& answer_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Question> questions_;
  std::deque<std::optional<std::string>> answers_;  ///< From the first that is not printed yet.
  std::size_t first_ = 0;                           ///< Its place among all.
  bool is_over_ = false;
  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

}  // namespace

void answer_lines(std::istream& in, const LineAnswer& answer, std::size_t jobs) {
  std::optional<Pool> pool;
  if (jobs > 1) pool.emplace(answer, jobs);
  using Clock = std::chrono::steady_clock;
  constexpr auto patience = std::chrono::milliseconds(20);  // many quick answers are written at once
  auto flushed = Clock::now();
  Line line;
  for (line.number = 1; std::getline(in, line.text); ++line.number) {
    if (line.number == 1) line.text = text::without_byte_order_mark(line.text);
    if (text::trim(line.text).empty()) continue;
    if (pool) {
      pool->push(line);
    } else {
      print_line(answer_line(line, answer));
      if (const auto now = Clock::now(); now - flushed > patience || in.rdbuf()->in_avail() <= 0) {
        std::cout.flush();
        flushed = now;
      }
    }
  }
  if (in.bad()) throw Error(Errc::io_error, "cannot read all lines of the input; try again");
}

}  // namespace dspy::app
