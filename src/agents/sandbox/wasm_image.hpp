#pragma once

#include "agents/process/descriptor.hpp"
#include "dspy/agents/sandbox/wasm_interpreter.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace dspy::sandbox {

/// The file with an image of a started interpreter's memory, which the next ones begin with.  It belongs to one version
/// of Pyodide and of our runner.
class WasmImage {
 public:
  enum class Mode { none, load, make };

  WasmImage() = default;
  /// Opens the image, or creates the file for a new one.  If the folder cannot be written, no image is used.
  WasmImage(const WasmOptions& options, const std::filesystem::path& pyodide);
  ~WasmImage();
  WasmImage(WasmImage&& other) noexcept;
  WasmImage& operator=(WasmImage&& other) noexcept;

  Mode mode() const { return mode_; }
  int fd() const { return file_.get(); }
  /// What the loader did with it: `made`, `loaded`, `refused`.  A new one is kept, one that cannot be used is removed.
  void settle(std::string_view outcome);

 private:
  Mode mode_ = Mode::none;
  process::Descriptor file_ = {};
  std::filesystem::path path_ = {}, made_ = {};
};

std::string_view to_string(WasmImage::Mode mode);

}  // namespace dspy::sandbox
