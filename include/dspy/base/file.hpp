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

/// Writes the file whole or not at all, and so that it survives a power cut: into a new file
/// beside it, flushed to the disk, then moved over it.  An existing file keeps its permissions.
/// A symbolic link stays one: what it points to is replaced.  Throws `Error` (`io_error`), also for
/// what is not a regular file.  A process that is killed meanwhile leaves the old file or the new one,
/// and at most an unfinished `.dspy-<process>-<number>.part`, which nothing reads.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace dspy
