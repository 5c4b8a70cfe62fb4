#include "agents/process/child.hpp"
#include "agents/process/spawn.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <format>

namespace dspy::process {

std::string to_text(const ChildEnd& end) {
  if (end.signal == 0) return std::format("exited with code {}", end.code);
  return std::format("was ended by signal {} ({})", end.signal, sigdescr_np(end.signal));
}

std::vector<std::string> inherited_environment(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& name : names)
    if (const auto* const value = std::getenv(name.c_str()); value != nullptr)  // NOLINT(concurrency-mt-unsafe)
      out.push_back(std::format("{}={}", name, value));
  return out;
}

std::string find_program(std::string_view program) {
  if (program.contains('/')) return ::access(std::string(program).c_str(), X_OK) == 0 ? std::string(program) : "";
  const auto* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  std::string_view left = path != nullptr ? path : "/usr/bin:/bin";
  while (!left.empty()) {
    const auto end = std::min(left.find(':'), left.size());
    const auto file = std::filesystem::path(left.substr(0, end)) / program;
    if (::access(file.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(file)) return file;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return {};
}

MemoryFile::MemoryFile(std::string_view bytes) : fd_(memfd_create("dspy", MFD_CLOEXEC)) {
  if (fd_ < 0) fail("no file in memory", errno);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto count = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (count < 0) fail("a file in memory could not be written", errno);
    done += static_cast<std::size_t>(count);
  }
  ::lseek(fd_, 0, SEEK_SET);
}

MemoryFile::~MemoryFile() {
  ::close(fd_);
}

}  // namespace dspy::process
