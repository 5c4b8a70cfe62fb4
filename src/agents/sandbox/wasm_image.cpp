#include "agents/sandbox/wasm_image.hpp"

#include "agents/sandbox/runner.hpp"
#include "dspy/base/hash.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <system_error>
#include <utility>

namespace dspy::sandbox {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const WasmOptions& options) {
  if (!options.image_folder.empty()) return options.image_folder;
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets them
  if (const auto* const caches = std::getenv("XDG_CACHE_HOME"); caches != nullptr && *caches == '/')
    return fs::path(caches) / "dspy";
  if (const auto* const home = std::getenv("HOME"); home != nullptr && *home == '/')
    return fs::path(home) / ".cache/dspy";
  // NOLINTEND(concurrency-mt-unsafe)
  return {};
}

/// Differs for each version of what is in an image.
std::string name_of(const fs::path& pyodide) {
  auto hash = hash_bytes(wasm_loader, hash_bytes(wasm_runner));
  for (const auto* const file : {"pyodide.asm.wasm", "pyodide.mjs", "python_stdlib.zip", "package.json"}) {
    std::error_code error;
    const auto size = fs::file_size(pyodide / file, error);
    const auto time = fs::last_write_time(pyodide / file, error).time_since_epoch().count();
    hash = hash_bytes(std::format("{} {} {}", file, size, time), hash);
  }
  return std::format("pyodide-{:016x}.image", hash);
}

}  // namespace

WasmImage::WasmImage(const WasmOptions& options, const fs::path& pyodide) {
  static std::atomic<std::uint64_t> counter = 0;
  const auto folder = options.keeps_image ? folder_of(options) : fs::path();
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  path_ = folder / name_of(pyodide);
  file_ = process::Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (file_.get() >= 0) {
    mode_ = Mode::load;
    return;
  }
  const auto made = folder / std::format(".pyodide-{}-{}.part", ::getpid(), counter++);
  file_ = process::Descriptor(::open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file_.get() < 0) return;
  mode_ = Mode::make;
  made_ = made;
}

WasmImage::~WasmImage() {
  settle("");
}

WasmImage::WasmImage(WasmImage&& other) noexcept
    : mode_(std::exchange(other.mode_, Mode::none)),
      file_(std::move(other.file_)),
      path_(std::exchange(other.path_, {})),
      made_(std::exchange(other.made_, {})) {}

WasmImage& WasmImage::operator=(WasmImage&& other) noexcept {
  settle("");
  mode_ = std::exchange(other.mode_, Mode::none);
  file_ = std::move(other.file_);
  path_ = std::exchange(other.path_, {});
  made_ = std::exchange(other.made_, {});
  return *this;
}

void WasmImage::settle(std::string_view outcome) {
  std::error_code ignored;
  if (mode_ == Mode::make && outcome == "made" && ::fsync(file_.get()) == 0) {
    fs::rename(made_, path_, ignored);
  } else if (mode_ == Mode::make) {
    fs::remove(made_, ignored);
  } else if (mode_ == Mode::load && outcome == "refused") {
    fs::remove(path_, ignored);
  }
  mode_ = Mode::none;
  file_ = {};
}

std::string_view to_string(WasmImage::Mode mode) {
  return mode == WasmImage::Mode::load ? "load" : mode == WasmImage::Mode::make ? "make" : "none";
}

}  // namespace dspy::sandbox
