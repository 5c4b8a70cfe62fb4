#include "plain_weights.hpp"

#include "gguf_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace dspy::llama::plugin {

std::unique_ptr<PlainWeights> PlainWeights::of(const std::string& path) {
  const GgufFile file(path);
  if (!file || file.parts() > 1) return nullptr;
  std::unique_ptr<PlainWeights> weights(new PlainWeights);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat facts{};
  if (::fstat(descriptor, &facts) == 0 && facts.st_size > 0) {
    const auto size = static_cast<std::size_t>(facts.st_size);
    void* const start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (start != MAP_FAILED) {
      weights->start_ = start;
      weights->size_ = size;
    }
  }
  ::close(descriptor);
  if (!weights->start_) return nullptr;
  file.for_each([&](const ggml_tensor& tensor, std::size_t place) {
    if (place + ggml_nbytes(&tensor) > weights->size_) return;
    Entry entry{.type = tensor.type, .place = place};
    std::ranges::copy(tensor.ne, entry.lengths);
    weights->entries_.emplace(tensor.name, entry);
  });
  return weights;
}

PlainWeights::~PlainWeights() {
  if (start_) ::munmap(start_, size_);
}

const std::byte* PlainWeights::find(const ggml_tensor& tensor) const {
  const auto found = entries_.find(tensor.name);
  if (found == entries_.end()) return nullptr;
  const auto& entry = found->second;
  if (entry.type != tensor.type || !std::ranges::equal(entry.lengths, tensor.ne)) return nullptr;
  return static_cast<const std::byte*>(start_) + entry.place;
}

}  // namespace dspy::llama::plugin
