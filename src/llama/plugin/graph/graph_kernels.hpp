#pragma once

#include "llama/kernels/attention.hpp"
#include "llama/kernels/product.hpp"
#include "products.hpp"

#include <llama.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace dspy::llama::plugin {

/// Whether contexts compute on the processor alone.  An accelerator such as BLAS takes products, and would meet nodes
/// it does not know.
bool only_processors();

/// Puts dspy's kernels into the graphs of a context, in place of the library's operations that read weights and cells
/// anew for every token: flash attention, and products with weights, of one matrix or of a mixture of experts, where
/// ours are the faster ones.  Everything it does not know it leaves as it is.  Belongs to one context and must outlive
/// it; the model must lie on the CPU.
class GraphKernels {
 public:
  GraphKernels(int threads, std::shared_ptr<const Products> products);
  GraphKernels(const GraphKernels&) = delete;
  GraphKernels& operator=(const GraphKernels&) = delete;

  /// To be called before the context uses more threads.
  void set_threads(int threads);
  /// Has a context of these parameters call this.
  void install(llama_context_params& parameters);

 private:
  /// What a node of ours carries behind what the library writes for an operation of a user.
  struct Extra {
    float scale = 1;
    int* next = nullptr;  ///< Where its threads take their share of the work.
    const std::byte* weights = nullptr;
  };
  static constexpr std::size_t extra_place = 32;
  static_assert(extra_place + sizeof(Extra) <= GGML_MAX_OP_PARAMS);

  /// How the library writes an operation of a user.
  struct Operation {
    ggml_op op = GGML_OP_NONE;
    std::byte parameters[extra_place] = {};
  };

  struct Free {
    void operator()(std::byte* memory) const;
  };

  /// libllama shows each node of a graph before it computes any; ours are exchanged then.  Never asks to see results.
  static bool on_node(ggml_tensor* node, bool ask, void* self);
  static void compute_attention(ggml_tensor* node, int thread, int threads, void* self);
  static void compute_product(ggml_tensor* node, int thread, int threads, void* self);
  static void compute_experts(ggml_tensor* node, int thread, int threads, void* self);
  static std::optional<kernels::Attention> attention_of(const ggml_tensor& node, float scale);
  static std::optional<kernels::Product> product_of(const ggml_tensor& node, const std::byte* bytes);
  static std::optional<kernels::ExpertProduct> experts_of(const ggml_tensor& node, const std::byte* bytes);
  static Extra extra_of(const ggml_tensor& node);
  static void set_extra(ggml_tensor& node, const Extra& extra);

  Operation operation(ggml_custom_op_t function);
  void exchange(ggml_tensor& node);
  /// The bytes of a product's weights; null where it is not ours.
  const std::byte* weights_of(const ggml_tensor& node, int columns) const;
  void put(ggml_tensor& node, const Operation& operation, Extra extra, std::size_t scratch);
  bool is(const ggml_tensor& node, const Operation& operation) const;
  int* counter();
  void make_room();
  std::byte* scratch(int thread) const;

  std::shared_ptr<const Products> products_;
  int threads_;
  Operation attention_;
  Operation product_;
  Operation experts_;
  std::vector<int> counters_;  ///< More than a graph has nodes of ours.
  std::size_t counter_ = 0;
  std::size_t scratch_size_ = 0;  ///< Of one thread.
  std::size_t room_ = 0;
  std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace dspy::llama::plugin
