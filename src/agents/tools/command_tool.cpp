#include "dspy/agents/command_tool.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <format>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX asks for it

namespace dspy {
namespace {

constexpr std::size_t most_output = std::size_t{64} << 20;
constexpr std::size_t most_errors = std::size_t{8} << 10;

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(0);
    close(1);
  }
  int operator[](std::size_t end) const noexcept { return ends_[end]; }
  void close(std::size_t end) noexcept {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
};

struct Ended {
  std::string output, errors;
  int status = 0;
  bool was_killed = false;
  bool was_too_long = false;
};

/// The child, which is killed with its group unless it was waited for.
class Child {
 public:
  Child(const std::vector<std::string>& command, const Pipe& in, const Pipe& out, const Pipe& errors) {
    std::vector<char*> argv;
    for (const auto& each : command) argv.push_back(const_cast<char*>(each.c_str()));  // NOLINT: as posix_spawn has it
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK));
    ::posix_spawnattr_setpgroup(&attributes, 0);
    const int code = ::posix_spawnp(&id_, argv[0], &actions, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (code != 0) {
      throw Error(Errc::io_error, std::format("cannot start `{}`: {}; check its name and that it may be run",
                                              command.front(), std::generic_category().message(code)));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (id_ <= 0) return;
    kill();
    wait();
  }

  void kill() const noexcept { ::kill(-id_, SIGKILL); }
  int wait() noexcept {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    return status;
  }

 private:
  pid_t id_ = 0;
};

/// How long to wait before looking at the clock and the stop again.
int patience(const CallContext& limits) {
  if (!limits.deadline) return limits.stop.stop_possible() ? 50 : -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*limits.deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 50));
}

bool read_some(int file, std::string& into, std::size_t most, bool& was_too_long) {
  std::array<char, 65536> buffer;
  const auto count = ::read(file, buffer.data(), buffer.size());
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  if (count == 0) return false;
  const auto room = most - std::min(most, into.size());
  was_too_long = was_too_long || static_cast<std::size_t>(count) > room;
  into.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
  return true;
}

Ended run(const std::vector<std::string>& command, std::string_view input, const CallContext& limits) {
  Pipe in, out, errors;
  Child child(command, in, out, errors);
  in.close(0);
  out.close(1);
  errors.close(1);
  ::fcntl(in[1], F_SETFL, O_NONBLOCK);
  Ended ended;
  bool cut = false;
  while (out[0] >= 0 || errors[0] >= 0) {
    const bool is_late = limits.deadline && std::chrono::steady_clock::now() >= *limits.deadline;
    if (is_late || limits.stop.stop_requested() || ended.was_too_long) {
      ended.was_killed = !ended.was_too_long;
      child.kill();
      break;
    }
    std::array<pollfd, 3> waited = {pollfd{out[0], POLLIN, 0}, pollfd{errors[0], POLLIN, 0}, pollfd{in[1], POLLOUT, 0}};
    if (::poll(waited.data(), waited.size(), patience(limits)) < 0 && errno != EINTR) break;
    if (waited[0].revents != 0 && !read_some(out[0], ended.output, most_output, ended.was_too_long)) out.close(0);
    if (waited[1].revents != 0 && !read_some(errors[0], ended.errors, most_errors, cut)) errors.close(0);
    if (waited[2].revents != 0) {
      const auto count = ::write(in[1], input.data(), input.size());
      if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
      if (input.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) in.close(1);
    }
  }
  ended.status = child.wait();
  return ended;
}

ToolOutcome outcome_of(const std::string& program, Ended ended) {
  if (ended.was_killed)
    return ToolOutcome::error(std::format("`{}` was ended because it exceeded its time limit", program));
  if (ended.was_too_long)
    return ToolOutcome::error(std::format("`{}` was ended because it wrote more than {} bytes", program, most_output));
  const auto said = text::trim(ended.errors);
  if (WIFSIGNALED(ended.status))
    return ToolOutcome::error(std::format("`{}` was ended by signal {}. {}", program, WTERMSIG(ended.status), said));
  if (WEXITSTATUS(ended.status) != 0)
    return ToolOutcome::error(
        std::format("`{}` failed with exit code {}. {}", program, WEXITSTATUS(ended.status), said));
  if (auto json = parse_json(ended.output)) return {.value = *std::move(json)};
  return {.value = Json(text::trim_end(ended.output))};
}

}  // namespace

FunctionTool command_tool(ToolDefinition definition, std::vector<std::string> command, ToolOptions options) {
  if (command.empty() || command.front().empty())
    throw Error(Errc::invalid_parameter, std::format("the tool `{}` has no command to run", definition.name));
  options.blocks = true;
  return {std::move(definition),
          [command = std::move(command)](JsonObject arguments, ToolContext context) {
            return [](std::vector<std::string> argv, std::string input, CallContext limits) -> Async<ToolOutcome> {
              // This thread is the call's own.  A child that does not read its input must not end the process.
              sigset_t broken_pipe;
              ::sigemptyset(&broken_pipe);
              ::sigaddset(&broken_pipe, SIGPIPE);
              ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
              co_return outcome_of(argv.front(), run(argv, input, limits));
            }(command, to_text(Json(std::move(arguments))), std::move(context.call));
          },
          options};
}

}  // namespace dspy
