#pragma once

#include <boost/container/pmr/memory_resource.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace dspy {

/// Memory for JSON that is made together and thrown away together, such as the tools of a request: one block from the
/// heap, of which each value takes the next bytes.  What the block has no room for comes from the heap by itself.
/// Thread-safe; `boost::json::make_shared_resource<Arena>(size)` lives as long as any value that is in it.
class Arena final : public boost::container::pmr::memory_resource {
 public:
  using Size = std::atomic<std::size_t>;

  /// The block is of `size` bytes; in the end `size` becomes what was asked for, for the next block of such values.
  explicit Arena(std::shared_ptr<Size> size)
      : wanted_(std::move(size)), size_(*wanted_), block_(std::make_unique_for_overwrite<std::byte[]>(size_)) {}
  ~Arena() override { wanted_->store(used_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::shared_ptr<Size> wanted_;
  std::size_t size_;
  std::unique_ptr<std::byte[]> block_;
  std::atomic<std::size_t> used_ = 0;
};

}  // namespace dspy
