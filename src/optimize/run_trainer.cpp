#include "optimize/run_trainer.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>
#include <string_view>
#include <system_error>
#include <thread>

// `agents/process` serves programs that are talked to, in a library that this one does not link.

namespace dspy::optimize {
namespace {

constexpr std::size_t shown_of_log = 1000;
constexpr std::uintmax_t longest_log = std::uintmax_t{1} << 30;
constexpr std::chrono::milliseconds most_between_looks{100};

/// The log's last whole lines, for a message.
std::string end_of(const std::filesystem::path& log) {
  const auto text = attempt([&] { return read_file(log, longest_log); });
  if (!text || text->empty()) return "it printed nothing";
  std::string_view end = *text;
  if (end.size() > shown_of_log) {
    end.remove_prefix(end.size() - shown_of_log);
    end.remove_prefix(std::min(end.find('\n'), end.size() - 1) + 1);
  }
  while (end.ends_with('\n')) end.remove_suffix(1);
  return std::format("its log `{}` ends:\n{}", log.string(), end);
}

pid_t start(const TrainerRun& run) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, run.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words = run.argv;
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, argv[0], &files, &how, argv.data(), environ);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  if (code != 0) {
    throw Error(Errc::config_error, std::format("cannot start the trainer `{}`: {}; install it, or name its file",
                                                run.argv[0], std::generic_category().message(code)));
  }
  return child;
}

/// Kills what is left of the group; its leader keeps the number from being given to others until it is waited for.
int end(pid_t child) {
  int status = 0;
  ::kill(-child, SIGKILL);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

bool has_ended(pid_t child) {
  siginfo_t info = {};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

}  // namespace

void run_trainer(const TrainerRun& run) {
  replace_file(run.log, "");  // an error of ours before one of the program's
  const auto begun = std::chrono::steady_clock::now();
  const auto child = start(run);
  for (std::chrono::milliseconds pause{1};; pause = std::min(2 * pause, most_between_looks)) {
    if (has_ended(child)) break;
    if (run.stop.stop_requested()) {
      end(child);
      throw Error(Errc::cancelled, std::format("the trainer `{}` was ended: it was asked to stop", run.argv[0]));
    }
    if (run.time_limit && std::chrono::steady_clock::now() - begun >= *run.time_limit) {
      end(child);
      throw Error(Errc::deadline_exceeded,
                  std::format("the trainer `{}` exceeded its {} s and was ended; raise `time_limit`; {}", run.argv[0],
                              run.time_limit->count(), end_of(run.log)));
    }
    std::this_thread::sleep_for(pause);
  }
  const int status = end(child);  // with what it left behind
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const auto how = WIFSIGNALED(status) ? std::format("was ended by signal {}", WTERMSIG(status))
                                       : std::format("exited with code {}", WEXITSTATUS(status));
  throw Error(Errc::config_error, std::format("the trainer `{}` {}; {}", run.argv[0], how, end_of(run.log)));
}

}  // namespace dspy::optimize
