#include "agents/process/spawn.hpp"

#include "dspy/base/error.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <format>
#include <string>
#include <system_error>
#include <vector>

namespace dspy::process {
namespace {

struct Actions {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};

  Actions() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~Actions() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

void fail(std::string_view what, int error) {
  throw Error(Errc::io_error, std::format("{}: {}", what, std::generic_category().message(error)));
}

Ends input_pair() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) fail("no pipe to a program", errno);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Ends output_pair() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) fail("no pipe from a program", errno);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

pid_t spawn(const ChildOptions& options, const std::array<int, 3>& standard) {
  if (options.argv.empty()) throw Error(Errc::invalid_parameter, "the command to run is empty");
  Actions actions;
  std::vector<Descriptor> moved;  // above all numbers that are given away
  int next = 0;
  const auto hand_on = [&](int fd) {
    moved.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 200));
    if (moved.back().get() < 0) fail("no descriptor for a program", errno);
    posix_spawn_file_actions_adddup2(&actions.files, moved.back().get(), next++);
  };
  for (const auto fd : standard) hand_on(fd);
  for (const auto fd : options.files) hand_on(fd);
  posix_spawn_file_actions_addclosefrom_np(&actions.files, next);

  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setpgroup(&actions.attributes, 0);
  posix_spawnattr_setsigmask(&actions.attributes, &none);
  posix_spawnattr_setsigdefault(&actions.attributes, &all);
  posix_spawnattr_setflags(&actions.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  auto argv = options.argv, environment = options.environment;
  pid_t pid = 0;
  const auto error = posix_spawnp(&pid, argv[0].c_str(), &actions.files, &actions.attributes, pointers(argv).data(),
                                  pointers(environment).data());
  if (error != 0) fail(std::format("`{}` could not be started", options.argv[0]), error);
  return pid;
}

}  // namespace dspy::process
