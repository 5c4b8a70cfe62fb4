#include "measuring/writable.hpp"

#include "dspy/base/error.hpp"

#include <unistd.h>

#include <filesystem>
#include <format>
#include <system_error>

namespace dspy::app {

void require_writable(const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  std::error_code code;
  if (std::filesystem::is_directory(path, code))
    throw Error(Errc::io_error, std::format("cannot write `{}`: it is a folder; name a file", path.string()));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw Error(Errc::io_error, std::format("cannot write `{}`: `{}` is not a writable folder; name another file",
                                            path.string(), folder.string()));
  if (std::filesystem::exists(path, code) && ::access(path.c_str(), W_OK) != 0)
    throw Error(Errc::io_error, std::format("cannot write `{}`: permission denied; name another file", path.string()));
}

}  // namespace dspy::app
