#include "config/key_source.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/log_fields.hpp"
#include "dspy/base/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <format>
#include <string>
#include <system_error>
#include <utility>

extern char** environ;  // NOLINT(readability-redundant-declaration): not every system declares it

namespace dspy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_bytes = 64 * 1024;
constexpr auto patience = 30s;

[[noreturn]] void fail(std::string_view name, const std::string& why) {
  throw Error(Errc::authentication_failed, std::format("the key of `lm.{}` cannot be read: {}", name, why));
}

/// What a descriptor has until its end; false if that takes too long or is too much.
bool read_all(int from, std::chrono::steady_clock::time_point end, std::string& out) {
  std::array<char, 4096> buffer;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd one{.fd = from, .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&one, 1, static_cast<int>(left)) == 0) return false;
    const auto got = ::read(from, buffer.data(), buffer.size());
    if (got == 0) return true;
    if (got < 0 && errno != EINTR) return false;
    if (got > 0) out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > most_bytes) return false;
  }
}

Secret checked(std::string_view name, std::string text, std::string_view where) {
  auto key = std::string(text::trim(text));
  for (volatile char& c : text) c = 0;
  if (key.empty()) fail(name, std::format("{} has nothing in it", where));
  for (const char c : key)
    if (static_cast<unsigned char>(c) < 0x21 || c == 0x7F)
      fail(name, std::format("{} has more than a key in it; leave one line without spaces", where));
  return Secret(std::move(key));
}

std::string expanded(const std::string& path) {
  const char* const home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? home + path.substr(1) : path;
}

Secret from_file(const std::string& file, std::string_view name) {
  const auto path = expanded(file);
  const int from = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) fail(name, std::format("the file `{}`: {}", file, std::generic_category().message(errno)));
  struct stat facts = {};
  const bool is_open_to_others = ::fstat(from, &facts) == 0 && (facts.st_mode & (S_IRGRP | S_IROTH)) != 0;
  std::string text;
  const bool is_whole = read_all(from, std::chrono::steady_clock::now() + patience, text);
  ::close(from);
  if (!is_whole) fail(name, std::format("the file `{}` is too long for a key, or cannot be read", file));
  if (is_open_to_others)
    log(LogLevel::warning, "config",
        std::format("other users of this machine can read the key in `{}`; run `chmod 600` on it", file),
        {{"file", file}, {"lm", name}});
  return checked(name, std::move(text), std::format("the file `{}`", file));
}

Secret from_command(const std::string& command, std::string_view name) {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(name, "there is no pipe left");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string shell = "sh", option = "-c", text = command;
  std::array<char*, 4> words = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = 0;
  const int problem = ::posix_spawn(&child, "/bin/sh", &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string out;
  const bool is_whole = problem == 0 && read_all(ends[0], std::chrono::steady_clock::now() + patience, out);
  ::close(ends[0]);
  if (problem != 0) fail(name, "its command cannot be run: " + std::generic_category().message(problem));
  if (!is_whole) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!is_whole) fail(name, "its command took longer than 30 s, or printed more than a key");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail(name, std::format("its command failed ({}); run it by hand to see why",
                           WIFEXITED(status) ? std::format("exit code {}", WEXITSTATUS(status)) : "killed"));
  return checked(name, std::move(out), "what its command printed");
}

Secret from_variable(const std::string& variable, std::string_view name) {
  const char* const value = std::getenv(variable.c_str());
  if (value == nullptr) fail(name, std::format("the environment variable `{}` is not set", variable));
  return checked(name, value, std::format("the environment variable `{}`", variable));
}

}  // namespace

Secret key_from(const KeySource& source, std::string_view name, bool may_run_commands) {
  switch (source.kind) {
    case KeySource::Kind::none: return {};
    case KeySource::Kind::variable: return from_variable(source.text, name);
    case KeySource::Kind::file: return from_file(source.text, name);
    case KeySource::Kind::command: break;
  }
  if (!may_run_commands)
    throw Error(
        Errc::config_error,
        std::format("the key of `lm.{}` comes from a command, and this dspy.toml was only found in a folder, where "
                    "somebody else may have put it; name the file by DSPY_CONFIG, or move it to ~/.config/dspy/",
                    name));
  return from_command(source.text, name);
}

}  // namespace dspy
