#include "retrieve/documents/process.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::documents {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw Error(Errc::io_error, std::format("cannot make a pipe: {}", std::generic_category().message(errno)));
  }
  ~Pipe() {
    close(0);
    close(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int end(std::size_t which) const noexcept { return ends_.at(which); }
  void close(std::size_t which) noexcept {
    if (ends_[which] >= 0) ::close(std::exchange(ends_[which], -1));
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

/// A child that is killed and waited for unless it has ended.
class Child {
 public:
  explicit Child(pid_t id) : id_(id) {}
  ~Child() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int wait() noexcept {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }

 private:
  pid_t id_;
};

std::optional<pid_t> start(const std::vector<std::string>& command, const Pipe& output, const Pipe& errors) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& each : command) arguments.push_back(const_cast<char*>(each.c_str()));  // NOLINT(*-const-cast)
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.end(1), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.end(1), STDERR_FILENO);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), ::environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code == ENOENT) return {};
  if (code != 0)
    throw Error(Errc::io_error,
                std::format("cannot start `{}`: {}", command[0], std::generic_category().message(code)));
  return child;
}

/// Appends what is there; false at the end.
bool read_some(int from, std::string& to) {
  std::array<char, 1 << 16> buffer;
  const auto count = ::read(from, buffer.data(), buffer.size());
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  to.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

std::optional<ProcessResult> run_process(const std::vector<std::string>& command, std::chrono::milliseconds time,
                                         std::uintmax_t most_bytes) {
  const auto end = SteadyClock::now() + time;
  Pipe output, errors;
  const auto id = start(command, output, errors);
  if (!id) return {};
  Child child(*id);
  output.close(1);
  errors.close(1);
  ProcessResult result;
  std::array<pollfd, 2> waits{pollfd{.fd = output.end(0), .events = POLLIN, .revents = 0},
                              pollfd{.fd = errors.end(0), .events = POLLIN, .revents = 0}};
  while (waits[0].fd >= 0 || waits[1].fd >= 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SteadyClock::now()).count();
    if (left <= 0)
      throw Error(Errc::timeout,
                  std::format("`{}` did not end within {} ms and was stopped", command[0], time.count()));
    if (::poll(waits.data(), waits.size(), static_cast<int>(std::min<long long>(left, 1000))) < 0 && errno != EINTR)
      throw Error(Errc::io_error, std::format("cannot wait for `{}`", command[0]));
    if (waits[0].revents != 0 && !read_some(waits[0].fd, result.output)) waits[0].fd = -1;
    if (waits[1].revents != 0 && !read_some(waits[1].fd, result.errors)) waits[1].fd = -1;
    if (result.output.size() > most_bytes)
      throw Error(Errc::io_error, std::format("`{}` wrote more than {} bytes and was stopped", command[0], most_bytes));
    if (result.errors.size() > 4096) result.errors.resize(4096);
  }
  result.status = child.wait();
  result.errors = text::trim_end(result.errors);
  return result;
}

}  // namespace dspy::documents
