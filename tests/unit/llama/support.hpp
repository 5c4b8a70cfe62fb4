#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "support/random_model.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::test {

/// A folder that is gone after the test.
class TempFolder {
 public:
  TempFolder() {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() / std::format("dspy-test-{}-{}", ::getpid(), ++count);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Of models that tests run on the processor, unless they are asked to run on a card (`DSPY_DEVICES`).
inline int gpu_layers() {
  return std::getenv("DSPY_DEVICES") == nullptr ? 0 : -1;
}
inline bool on_card() {
  return gpu_layers() != 0;
}

/// The error that `work` throws; fails the test if it throws none.
template <class F>
Error error_of(F&& work) {
  auto result = attempt(std::forward<F>(work));
  if (result) throw std::runtime_error("no Error was thrown");
  return result.error();
}

inline Request ask(std::string question) {
  return {.messages = {{Role::user, std::move(question)}}};
}

}  // namespace dspy::test
