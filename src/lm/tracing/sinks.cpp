#include "dspy/lm/tracing/sinks.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/log_fields.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

namespace dspy {
namespace {

const Redactor& redactor_of(const TraceFileOptions& options) {
  static const Redactor plain;
  return options.redactor ? *options.redactor : plain;
}

void drop_content(JsonObject& span) {
  span.erase("inputs");
  span.erase("outputs");
  span.erase("request");
  if (auto* const reply = span.if_contains("reply"); reply != nullptr && reply->is_object()) {
    auto& object = reply->get_object();
    JsonArray finishes;
    if (const auto* const all = object.if_contains("completions"); all != nullptr && all->is_array()) {
      for (const auto& each : all->get_array()) finishes.push_back(each.at("finish"));
    }
    object.erase("provider_data");
    object["completions"] = static_cast<std::uint64_t>(finishes.size());
    object["finish"] = std::move(finishes);
  }
  if (auto* const error = span.if_contains("error"); error != nullptr && error->is_object()) {
    error->get_object().erase("partial");
    error->get_object().erase("violations");
  }
}

/// What a killed process left may end within a line.
void begin_on_new_line(int file) {
  const auto size = ::lseek(file, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n' && ::write(file, "\n", 1) != 1)
    log(LogLevel::warning, "trace", "the trace file ends within a line");
}

template <class F>
void without_throwing(F&& work) noexcept {
  try {
    std::forward<F>(work)();
  } catch (const std::exception& error) {
    log(LogLevel::warning, "trace", std::format("a callback failed: {}", error.what()));
  } catch (...) {
    log(LogLevel::warning, "trace", "a callback failed with something that is not a std::exception");
  }
}

std::string shown(const Message& message) {
  std::string out;
  for (const auto& part : message.parts) {
    if (!out.empty()) out += '\n';
    if (const auto* const text = part.get<TextPart>()) {
      out += text->text;
    } else if (const auto* const call = part.get<ToolCallPart>()) {
      out += std::format("<tool call {}: {}>", call->name, to_text(Json(call->input)));
    } else if (const auto* const result = part.get<ToolResultPart>()) {
      out += std::format("<result of {}>", result->name);
    } else if (const auto* const media = part.get<MediaPart>()) {
      out += std::format("<{}>", to_string(media->kind));
    } else if (const auto* const reasoning = part.get<ReasoningPart>()) {
      out += std::format("<thoughts: {}>", reasoning->text);
    } else if (const auto* const refusal = part.get<RefusalPart>()) {
      out += std::format("<refusal: {}>", refusal->text);
    } else {
      out += "<data>";
    }
  }
  return out;
}

std::string shown(const Span& span) {
  auto out = std::format("[{:%F %T}Z] {}{}{}\n", std::chrono::floor<std::chrono::seconds>(span.started_at), span.lm,
                         span.path.empty() ? "" : ", ", span.path);
  for (const auto& message : span.request->messages) {
    auto role = std::string(to_string(message.role));
    role[0] = static_cast<char>(role[0] - 'a' + 'A');
    out += std::format("\n{} message:\n\n{}\n", role, shown(message));
  }
  if (span.error != nullptr)
    out += std::format("\nError:\n\n{}: {}\n", to_string(span.error->code()), span.error->what());
  if (span.reply == nullptr) return out;
  for (const auto& completion : span.reply->completions) {
    if (!completion.reasoning.empty()) out += std::format("\nThoughts:\n\n{}\n", completion.reasoning);
    out += std::format("\nResponse:\n\n{}\n", shown(to_message(completion)));
  }
  if (span.reply->handling->source != ReplySource::model)
    out += std::format("\n(from the cache: {})\n", to_string(span.reply->handling->source));
  return out;
}

struct Process {
  std::mutex mutex;
  std::shared_ptr<Trace> set;
  std::shared_ptr<RequestHistory> history;
  std::shared_ptr<Trace> all;
};

// Never destroyed, as calls may be made until the process ends.
Process& process() {
  static auto& state = *new Process;
  return state;
}

std::atomic<bool> has_process_trace = false;

void renew(Process& state) {
  state.all = both(state.set, state.history);
  has_process_trace = state.all != nullptr;
}

}  // namespace

JsonlTrace::JsonlTrace(const std::filesystem::path& path, TraceFileOptions options)
    : path_(path),
      options_(std::move(options)),
      file_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (file_ < 0)
    throw Error(Errc::io_error, std::format("the trace file `{}` cannot be written: {}; name another one",
                                            path.string(), std::strerror(errno)));
  begin_on_new_line(file_);
}

JsonlTrace::~JsonlTrace() {
  ::close(file_);
}

void JsonlTrace::end(const Span& span) {
  without_throwing([&] {
    auto written = to_json(span);
    if (!options_.has_content) drop_content(written);
    Json value(std::move(written));
    redactor_of(options_).redact(value);
    auto line = to_text(value);
    line += '\n';
    const std::lock_guard lock(mutex_);
    for (std::string_view rest = line; !rest.empty();) {
      const auto count = ::write(file_, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        if (!has_failed_.exchange(true))
          log(LogLevel::warning, "trace",
              std::format("the trace file `{}` cannot be written: {}; spans are lost", path_.string(),
                          std::strerror(errno)),
              {{"file", path_.string()}});
        return;
      }
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  });
}

void CallbackTrace::begin(const Span& span) {
  if (on_begin_) without_throwing([&] { on_begin_(span); });
}

void CallbackTrace::end(const Span& span) {
  if (on_end_) without_throwing([&] { on_end_(span); });
}

void RequestHistory::end(const Span& span) {
  if (span.kind != Span::Kind::attempt || span.request == nullptr) return;
  without_throwing([&] {
    auto entry = shown(span);
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    while (entries_.size() > capacity_) entries_.pop_front();
  });
}

std::string RequestHistory::text(std::size_t count) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  const auto shown_count = std::min(count, entries_.size());
  for (auto i = entries_.size() - shown_count; i < entries_.size(); ++i) {
    if (!out.empty()) out += "\n\n";
    out += entries_[i];
  }
  return out;
}

std::size_t RequestHistory::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void set_process_trace(std::shared_ptr<Trace> trace) {
  auto& state = process();
  const std::lock_guard lock(state.mutex);
  state.set = std::move(trace);
  renew(state);
}

std::shared_ptr<Trace> process_trace() noexcept {
  if (!has_process_trace.load(std::memory_order_relaxed)) return {};
  auto& state = process();
  const std::lock_guard lock(state.mutex);
  return state.all;
}

void keep_history(std::size_t capacity) {
  auto& state = process();
  const std::lock_guard lock(state.mutex);
  state.history = capacity == 0 ? nullptr : std::make_shared<RequestHistory>(capacity);
  renew(state);
}

std::string inspect_history(std::size_t count) {
  const auto history = [] {
    auto& state = process();
    const std::lock_guard lock(state.mutex);
    return state.history;
  }();
  if (!history)
    throw Error(Errc::config_error, "no history is kept; call keep_history() before the calls that you want to see");
  return history->text(count);
}

}  // namespace dspy
