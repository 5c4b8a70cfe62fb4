#pragma once

#include "dspy/lm/trace.hpp"
#include "dspy/lm/tracing/redactor.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

// Sinks for traces.  None of them ever ends the call that it records.

namespace dspy {

struct TraceFileOptions {
  bool has_content = true;  ///< Inputs, requests, replies and outputs; without them, times, usage, cost and errors.
  std::shared_ptr<const Redactor> redactor = {};  ///< Null: one without registered keys, which recognises them by form.
};

/// A file with one JSON object a line for each span that ended.  Each line is written at once; a process that is killed
/// in the middle of one leaves that one cut, and the next process begins on a new line.  Thread-safe.
class JsonlTrace final : public Trace {
 public:
  /// Appends.  Throws `Error` (`io_error`) if the file cannot be opened.
  explicit JsonlTrace(const std::filesystem::path& path, TraceFileOptions options = {});
  ~JsonlTrace() override;
  JsonlTrace(const JsonlTrace&) = delete;
  JsonlTrace& operator=(const JsonlTrace&) = delete;

  void end(const Span& span) override;

 private:
  std::filesystem::path path_;
  TraceFileOptions options_;
  int file_;
  std::mutex mutex_;  ///< A line written in two parts must not be interleaved with another.
  std::atomic<bool> has_failed_ = false;
};

/// Calls functions.  What they throw goes to the log.
class CallbackTrace final : public Trace {
 public:
  using Callback = std::function<void(const Span& span)>;

  explicit CallbackTrace(Callback on_end, Callback on_begin = {})
      : on_end_(std::move(on_end)), on_begin_(std::move(on_begin)) {}

  void begin(const Span& span) override;
  void end(const Span& span) override;

 private:
  Callback on_end_, on_begin_;
};

/// The last requests and replies, as text.  Thread-safe.
class RequestHistory final : public Trace {
 public:
  explicit RequestHistory(std::size_t capacity) : capacity_(capacity) {}

  void end(const Span& span) override;
  /// The last `count`, oldest first, as DSPy's `inspect_history` shows them: each message under its role, then the
  /// reply.
  std::string text(std::size_t count = 1) const;
  std::size_t size() const;

 private:
  std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<std::string> entries_;
};

/// A trace for all calls of all programs in this process, in addition to each program's own; null removes it.
/// Thread-safe.
void set_process_trace(std::shared_ptr<Trace> trace);
std::shared_ptr<Trace> process_trace() noexcept;

/// Keeps the last requests of this process from now on (50 of them, as said); 0 stops it and forgets them.
void keep_history(std::size_t capacity = 50);
/// The last `count` requests and replies since `keep_history`, as text.  Throws `Error` (`config_error`) if none are
/// kept.
std::string inspect_history(std::size_t count = 1);

}  // namespace dspy
