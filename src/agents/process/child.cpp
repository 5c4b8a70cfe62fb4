#include "agents/process/child.hpp"

#include "agents/process/descriptor.hpp"
#include "agents/process/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace dspy::process {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

}  // namespace

struct Child::State {
  Handlers handlers;
  std::size_t most_unsent = 0, errors_kept = 0;
  pid_t pid = 0;
  Descriptor process, input, output, problems, wake;
  std::thread thread;

  mutable std::mutex mutex;
  std::string unsent;
  std::size_t sent = 0;  ///< Of `unsent`.
  std::string errors;
  bool is_over = false;
  bool closes_input = false;
  std::optional<SteadyTime> alarm, asks, kills;
  std::chrono::milliseconds patience{0};

  void start(const ChildOptions& options, const std::array<int, 3>& standard) {
    pid = spawn(options, standard);
    process = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (process.get() >= 0) return;
    const auto error = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    fail("a program cannot be watched", error);
  }

  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof one);
  }

  void signal(int number) const {
    if (!is_over) ::kill(-pid, number);
  }

  /// Sends what the program takes now.  Under the lock.
  void flush() {
    while (sent < unsent.size() && input.get() >= 0) {
      const auto count = ::send(input.get(), unsent.data() + sent, unsent.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (count < 0) {
        input = Descriptor();
        break;
      }
      sent += static_cast<std::size_t>(count);
    }
    unsent.clear();
    sent = 0;
    if (closes_input) input = Descriptor();
  }

  /// Does what is due.  Returns the milliseconds to the next time, or -1.
  int keep_time(bool& rings) {
    const auto now = std::chrono::steady_clock::now();
    const auto take = [&](std::optional<SteadyTime>& time) { return time && *time <= now && (time.reset(), true); };
    if (take(asks)) {
      signal(SIGTERM);
      kills = now + patience;
    }
    if (take(kills)) signal(SIGKILL);
    rings = take(alarm);
    std::optional<SteadyTime> next;
    for (const auto& time : {alarm, asks, kills})
      if (time && (!next || *time < *next)) next = time;
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  /// False when there is nothing more to come.
  bool read_output(bool& is_refused) const {
    std::array<char, std::size_t{64} << 10> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): is read into
    while (true) {
      const auto count = ::read(output.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno == EAGAIN;
      if (count == 0) return false;
      if (!is_refused && handlers.on_bytes)
        is_refused = !handlers.on_bytes({buffer.data(), static_cast<std::size_t>(count)});
      if (is_refused) {
        const std::lock_guard lock(mutex);
        signal(SIGKILL);
        return true;
      }
      if (static_cast<std::size_t>(count) < buffer.size()) return true;
    }
  }

  bool read_problems() {
    std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): is read into
    const auto count = ::read(problems.get(), buffer.data(), buffer.size());
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    const std::lock_guard lock(mutex);
    errors.append(buffer.data(), static_cast<std::size_t>(count));
    if (errors.size() > 2 * errors_kept) errors.erase(0, errors.size() - errors_kept);
    return true;
  }

  void serve() {
    bool is_refused = false;
    while (true) {
      bool rings = false, is_writing = false;
      int wait = -1;
      {
        const std::lock_guard lock(mutex);
        flush();
        is_writing = sent < unsent.size();
        wait = keep_time(rings);
      }
      if (rings && handlers.on_alarm) handlers.on_alarm();
      std::array<pollfd, 5> polled{{{process.get(), POLLIN, 0},
                                    {output.get(), POLLIN, 0},
                                    {problems.get(), POLLIN, 0},
                                    {wake.get(), POLLIN, 0},
                                    {is_writing ? input.get() : -1, POLLOUT, 0}}};
      ::poll(polled.data(), polled.size(), wait);
      if (polled[3].revents != 0) {
        std::uint64_t rung = 0;
        [[maybe_unused]] const auto count = ::read(wake.get(), &rung, sizeof rung);
      }
      if (polled[2].revents != 0 && !read_problems()) problems = Descriptor();
      if (polled[1].revents != 0 && !read_output(is_refused)) output = Descriptor();
      if (polled[0].revents != 0) break;
    }
    if (output.get() >= 0) read_output(is_refused);
    if (problems.get() >= 0) read_problems();
    finish();
  }

  void finish() {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
    {
      const std::lock_guard lock(mutex);
      signal(SIGKILL);  // what it started; its own number is not free yet
      is_over = true;
      input = Descriptor();
    }
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED);
    const auto by_itself = info.si_code == CLD_EXITED;
    if (handlers.on_end)
      handlers.on_end({.code = by_itself ? info.si_status : 0, .signal = by_itself ? 0 : info.si_status});
  }
};

Child::Child(const ChildOptions& options, Handlers handlers) : state_(std::make_shared<State>()) {
  auto& state = *state_;
  state.handlers = std::move(handlers);
  state.most_unsent = options.most_unsent;
  state.errors_kept = options.errors_kept;
  auto input = input_pair();
  auto output = output_pair(), problems = output_pair();
  state.wake = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (state.wake.get() < 0) fail("no event for a program's thread", errno);
  for (const auto fd : {output.ours.get(), problems.ours.get()}) fcntl(fd, F_SETFL, O_NONBLOCK);
  state.input = std::move(input.ours);
  state.output = std::move(output.ours);
  state.problems = std::move(problems.ours);
  // The thread that serves the program also starts it: programs that are to die with their parent watch that thread.
  std::promise<void> started;
  auto outcome = started.get_future();
  const std::array standard = {input.theirs.get(), output.theirs.get(), problems.theirs.get()};
  state.thread = std::thread([shared = state_, &options, &standard, &started] {
    try {
      shared->start(options, standard);
    } catch (...) {
      started.set_exception(std::current_exception());
      return;
    }
    started.set_value();
    shared->serve();
  });
  try {
    outcome.get();
  } catch (...) {
    state.thread.join();
    throw;
  }
}

Child::~Child() {
  kill();
  if (state_->thread.get_id() == std::this_thread::get_id()) {
    state_->thread.detach();
  } else {
    state_->thread.join();
  }
}

bool Child::send(std::string_view bytes) {
  auto& state = *state_;
  bool is_waiting = false;
  {
    const std::lock_guard lock(state.mutex);
    if (state.is_over || state.closes_input || state.input.get() < 0) return false;
    if (state.unsent.size() - state.sent + bytes.size() > state.most_unsent) return false;
    state.unsent += bytes;
    state.flush();
    is_waiting = !state.unsent.empty();
  }
  if (is_waiting) state.ring();
  return true;
}

void Child::end(std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closes_input = true;
    state_->patience = patience;
    state_->asks = std::chrono::steady_clock::now() + patience;
  }
  state_->ring();
}

void Child::kill() {
  const std::lock_guard lock(state_->mutex);
  state_->signal(SIGKILL);
}

void Child::set_alarm(SteadyTime time) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->alarm = time;
  }
  state_->ring();
}

bool Child::is_running() const {
  const std::lock_guard lock(state_->mutex);
  return !state_->is_over;
}

std::string Child::errors() const {
  const std::lock_guard lock(state_->mutex);
  return state_->errors.substr(state_->errors.size() - std::min(state_->errors.size(), state_->errors_kept));
}

}  // namespace dspy::process
