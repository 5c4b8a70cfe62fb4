#include "dspy/agents/journal.hpp"

#include "agents/event_text.hpp"
#include "base/checked_line.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <format>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

namespace dspy {
namespace {

namespace asio = boost::asio;

constexpr std::uintmax_t longest = std::uintmax_t{4} << 30;
constexpr int version = 1;
constexpr std::size_t usual_write = 1024;  ///< In bytes: the lines of a turn and of its calls' start.  Others grow.

void append_line(std::string& out, const AgentEvent& event) {
  const auto begin = out.size();
  out += '{';
  append_members(out, event);
  if (event.kind == AgentEvent::Kind::begun)
    out += std::format(R"(,"format":"dspy.agent_journal","version":{})", version);
  close_checked_line(out, begin);
}

void check_header(const JsonObject& record, std::string_view name) {
  const auto* const format = record.if_contains("format");
  const auto* const number = record.if_contains("version");
  if (format == nullptr || *format != Json("dspy.agent_journal") || number == nullptr || !number->is_int64())
    throw Error(Errc::config_error, std::format("`{}` is not a journal of an agent; name another file", name));
  if (number->get_int64() > version) {
    throw Error(Errc::config_error, std::format("the journal `{}` is of version {}, and this library knows {}; use a "
                                                "newer library",
                                                name, number->get_int64(), version));
  }
}

Error failure(std::string_view verb, const std::filesystem::path& path, std::string_view remedy, int why = errno) {
  return {Errc::io_error, std::format("cannot {} the journal `{}`: {}; {}", verb, path.string(),
                                      std::generic_category().message(why), remedy)};
}

/// Threads that wait for disks.  A file system makes one commit for all who wait at the same time: on ext4, 4 of them
/// get through 8 times as often as one alone, and 16 of them a hundred times.
asio::thread_pool& disk_waiters() {
  static asio::thread_pool pool(16);
  return pool;
}

}  // namespace

JournalContent parse_journal(std::string_view text, std::string_view name) {
  JournalContent content;
  for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
    const auto end = text.find('\n', at);
    auto record = end == std::string_view::npos ? std::nullopt : read_checked_line(text.substr(at, end - at));
    if (!record) {
      // Only the last write can have been cut: whole lines behind a bad one are damage.
      const bool is_last = end == std::string_view::npos || end + 1 == text.size();
      if (!is_last) {
        throw Error(Errc::config_error,
                    std::format("line {} of `{}` is not a line of an agent's journal, or is damaged, and others follow "
                                "it; restore the file, or keep the lines before it",
                                number, name));
      }
      // A file that is not a journal must not be truncated.
      constexpr std::string_view begun = R"({"kind":"begun")";
      if (number == 1 && !begun.starts_with(text.substr(0, begun.size())))
        throw Error(Errc::config_error, std::format("`{}` is not a journal of an agent; name another file", name));
      content.has_torn_tail = true;
      return content;
    }
    if (number == 1) check_header(*record, name);
    try {
      content.events.push_back(agent_event_from_json(*record));
    } catch (const Error& error) {
      throw Error(error.code(), std::format("line {} of the journal `{}`: {}", number, name, error.what()));
    }
    at = end + 1;
    content.whole_bytes = at;
  }
  return content;
}

JournalContent read_journal(const std::filesystem::path& path) {
  return parse_journal(read_file(path, longest), path.string());
}

struct AgentJournal::State {
  std::filesystem::path path;
  JournalOptions options;
  int file = -1;
  std::mutex mutex = {};
  std::string pending = {};
  std::uintmax_t written = 0;    ///< In bytes, by this process.
  std::uintmax_t kept = 0;       ///< How many of them are on the disk.
  std::optional<int> broken_by;  ///< The error after which nothing more is written.

  State(std::filesystem::path where, JournalOptions how) : path(std::move(where)), options(how) {
    file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) throw failure("open", path, "check the folder and its permissions");
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) return;
    ::close(file);
    throw Error(
        Errc::config_error,
        std::format("the journal `{}` is in use by another process; wait for it, or name another file", path.string()));
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ::close(file); }

  bool is_empty() const {
    struct stat facts{};
    if (::fstat(file, &facts) != 0) throw failure("read", path, "check its permissions");
    return facts.st_size == 0;
  }
  void cut(std::size_t size) const {
    if (::ftruncate(file, static_cast<off_t>(size)) != 0) throw failure("mend", path, "check its permissions");
  }

  /// The lock is held.
  void write_pending() {
    if (broken_by)
      throw Error(Errc::io_error,
                  std::format("the journal `{}` could not be written before; resume the run from it", path.string()));
    for (std::string_view left = pending; !left.empty();) {
      const auto count = ::write(file, left.data(), left.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        broken_by = errno;
        throw failure("write", path, "check the free space; what was written before is kept");
      }
      left.remove_prefix(static_cast<std::size_t>(count));
    }
    written += pending.size();
    pending.clear();
  }

  /// Returns once all that was written before is on the disk, or cannot be.  Without the lock.
  void wait_for_disk() {
    std::unique_lock lock(mutex);
    const auto wanted = written;
    if (kept >= wanted || broken_by) return;
    lock.unlock();
    const auto why = ::fdatasync(file) == 0 ? 0 : errno;
    lock.lock();
    if (why != 0) {
      broken_by = why;
    } else {
      kept = std::max(kept, wanted);
    }
  }
  void require_kept() {
    const std::lock_guard lock(mutex);
    if (broken_by) throw failure("write", path, "check the disk", *broken_by);
  }

  static Async<void> reach_disk(std::shared_ptr<State> self) {
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&self](auto handler) {
          auto executor = asio::get_associated_executor(handler);
          asio::post(disk_waiters(), [self, executor, handler = std::move(handler)]() mutable {
            self->wait_for_disk();
            asio::post(executor, std::move(handler));
          });
        },
        asio::use_awaitable);
    self->require_kept();
  }
};

AgentJournal::AgentJournal(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
AgentJournal::~AgentJournal() = default;

std::unique_ptr<AgentJournal> AgentJournal::begin(const std::filesystem::path& path, JournalOptions options) {
  auto state = std::make_shared<State>(path, options);
  if (!state->is_empty()) {
    if (!read_journal(path).events.empty()) {
      throw Error(Errc::config_error,
                  std::format("the journal `{}` holds a run already; resume it, or name another file", path.string()));
    }
    state->cut(0);
  }
  return std::unique_ptr<AgentJournal>(new AgentJournal(std::move(state)));
}

std::unique_ptr<AgentJournal> AgentJournal::go_on(const std::filesystem::path& path, JournalContent& content,
                                                  JournalOptions options) {
  std::error_code code;
  if (!std::filesystem::exists(path, code))
    throw Error(Errc::io_error, std::format("there is no journal `{}`; start a run with it first", path.string()));
  auto state = std::make_shared<State>(path, options);
  content = read_journal(path);
  if (content.has_torn_tail) state->cut(content.whole_bytes);
  return std::unique_ptr<AgentJournal>(new AgentJournal(std::move(state)));
}

void AgentJournal::add(const AgentEvent& event) {
  const std::lock_guard lock(state_->mutex);
  auto& pending = state_->pending;
  const auto whole = pending.size();
  try {
    pending.reserve(usual_write);
    append_line(pending, event);
  } catch (...) {
    pending.resize(whole);  // half a line would make those after it unreadable
    throw;
  }
}

bool AgentJournal::write() {
  const std::lock_guard lock(state_->mutex);
  state_->write_pending();
  return state_->options.is_durable && state_->kept < state_->written;
}

Async<void> AgentJournal::reach_disk() {
  return State::reach_disk(state_);
}

void AgentJournal::flush() {
  if (!write()) return;
  state_->wait_for_disk();
  state_->require_kept();
}

void step_back(const std::filesystem::path& from, const std::filesystem::path& to, std::size_t turn) {
  const auto content = read_journal(from);
  std::size_t turns = 0, count = 0;
  for (; count < content.events.size(); ++count) {
    if (content.events[count].kind == AgentEvent::Kind::turn && turns++ == turn) break;
  }
  if (count == content.events.size()) {
    throw Error(Errc::invalid_parameter, std::format("the run in `{}` has no turn {}; it has {} turns, counted from 0",
                                                     from.string(), turn, turns));
  }
  // What was forgotten or noted for the turn itself goes with it.
  while (count > 0 && content.events[count - 1].kind == AgentEvent::Kind::forgotten) --count;
  const auto journal = AgentJournal::begin(to);
  for (std::size_t i = 0; i < count; ++i) journal->add(content.events[i]);
  journal->flush();
}

}  // namespace dspy
