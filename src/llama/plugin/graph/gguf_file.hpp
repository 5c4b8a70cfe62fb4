#pragma once

#include <ggml.h>
#include <gguf.h>

#include <cstddef>
#include <memory>
#include <string>

namespace dspy::llama::plugin {

/// What a model's file says of its tensors.
class GgufFile {
 public:
  explicit GgufFile(const std::string& path) {
    ggml_context* described = nullptr;
    file_.reset(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = &described}));
    tensors_.reset(described);
  }

  explicit operator bool() const { return file_ && tensors_; }

  /// Files that the model consists of.
  int parts() const {
    const auto key = gguf_find_key(file_.get(), "split.count");
    return key >= 0 && gguf_get_kv_type(file_.get(), key) == GGUF_TYPE_UINT16 ? gguf_get_val_u16(file_.get(), key) : 1;
  }

  /// Calls `take(tensor, place in the file)`.
  void for_each(const auto& take) const {
    for (auto* tensor = ggml_get_first_tensor(tensors_.get()); tensor;
         tensor = ggml_get_next_tensor(tensors_.get(), tensor)) {
      const auto at = gguf_find_tensor(file_.get(), tensor->name);
      if (at >= 0) take(*tensor, gguf_get_data_offset(file_.get()) + gguf_get_tensor_offset(file_.get(), at));
    }
  }

 private:
  struct FreeFile {
    void operator()(gguf_context* file) const { gguf_free(file); }
  };
  struct FreeTensors {
    void operator()(ggml_context* tensors) const { ggml_free(tensors); }
  };

  std::unique_ptr<gguf_context, FreeFile> file_;
  std::unique_ptr<ggml_context, FreeTensors> tensors_;
};

}  // namespace dspy::llama::plugin
