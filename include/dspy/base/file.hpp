#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace dspy {

/// The whole of a regular file or pipe.  Throws `Error` (`io_error`) that names the path and the
/// reason, also where it holds more than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uintmax_t max_bytes);

/// The same of a text in UTF-8, without a byte order mark.  Throws `Error` (`io_error`) as well if it begins as UTF-16
/// does.
std::string read_text(const std::filesystem::path& path, std::uintmax_t max_bytes);

/// Writes the file atomically and durably: to a new file next to it, flushed to disk, then renamed over it.  An
/// existing file keeps its permissions.  If the path is a symbolic link, the file it points to is replaced.  Throws
/// `Error` (`io_error`), also if the path is not a regular file.  If the process is killed meanwhile, the old file or
/// the new one remains, and at most an unfinished `.dspy-<process>-<number>.part`, which nothing reads.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace dspy
