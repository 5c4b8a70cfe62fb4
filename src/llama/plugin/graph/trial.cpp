#include "trial.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <new>
#include <span>

namespace dspy::llama::plugin {
namespace {

using Clock = std::chrono::steady_clock;

/// Of this thread, which computes alone: other programs do not count.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

ggml_backend_dev_t processor() {
  return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
}

struct FreeContext {
  void operator()(ggml_context* context) const { ggml_free(context); }
};
struct FreeBuffer {
  void operator()(ggml_backend_buffer_t buffer) const { ggml_backend_buffer_free(buffer); }
};
struct FreeBackend {
  void operator()(ggml_backend_t backend) const { ggml_backend_free(backend); }
};
using Context = std::unique_ptr<ggml_context, FreeContext>;
using Buffer = std::unique_ptr<ggml_backend_buffer, FreeBuffer>;
using Backend = std::unique_ptr<ggml_backend, FreeBackend>;

struct FreeAligned {
  void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t{64}); }
};

/// What an operation of ours needs.
struct OwnProduct {
  kernels::Product product{};
  std::unique_ptr<std::byte, FreeAligned> scratch;
  std::size_t scratch_size = 0;
  int next = 0;

  static void compute(ggml_tensor*, int thread, int threads, void* self) {
    auto& own = *static_cast<OwnProduct*>(self);
    kernels::multiply(own.product, own.scratch.get() + static_cast<std::size_t>(thread) * own.scratch_size, &own.next,
                      threads);
  }
};

}  // namespace

std::optional<kernels::WeightType> weight_type(ggml_type type) {
  using enum kernels::WeightType;
  switch (type) {
    case GGML_TYPE_Q8_0: return q8_0;
    case GGML_TYPE_Q5_0: return q5_0;
    case GGML_TYPE_Q5_1: return q5_1;
    case GGML_TYPE_Q4_0: return q4_0;
    case GGML_TYPE_Q4_1: return q4_1;
    case GGML_TYPE_IQ4_NL: return iq4_nl;
    case GGML_TYPE_MXFP4: return mxfp4;
    case GGML_TYPE_Q4_K: return q4_k;
    case GGML_TYPE_Q5_K: return q5_k;
    case GGML_TYPE_Q6_K: return q6_k;
    case GGML_TYPE_IQ4_XS: return iq4_xs;
    case GGML_TYPE_F16: return f16;
    case GGML_TYPE_BF16: return bf16;
    default: return std::nullopt;
  }
}

std::vector<ggml_backend_buffer_type_t> extra_layouts() {
  std::vector<ggml_backend_buffer_type_t> all;
  const auto device = processor();
  if (!device) return all;
  const auto list = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts"));
  if (!list) return all;
  for (auto* layout = list(device); layout && *layout; ++layout) all.push_back(*layout);
  return all;
}

struct Trial::Impl {
  Impl(ggml_type of, std::int64_t row_length)
      : type(of), length(row_length), backend(ggml_backend_dev_init(processor(), nullptr)) {
    const auto set_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(processor()), "ggml_backend_set_n_threads"));
    if (set_threads) set_threads(backend.get(), 1);
    std::vector<float> numbers(static_cast<std::size_t>(length));
    for (std::size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = std::sin(static_cast<float>(i * 7919 % 8191)) * (i % 3 == 0 ? 1.0F : 0.3F);
    row.resize(ggml_row_size(type, length));
    const std::vector<float> importance(numbers.size(), 1);
    ggml_quantize_chunk(type, numbers.data(), row.data(), 0, 1, length, importance.data());
  }

  /// Makes room for `tensor` in a layout; null where it has none for it.
  static Buffer place(ggml_tensor* tensor, ggml_backend_buffer_type_t layout) {
    Buffer buffer(ggml_backend_buft_alloc_buffer(layout, ggml_backend_buft_get_alloc_size(layout, tensor)));
    if (buffer) ggml_backend_tensor_alloc(buffer.get(), tensor, ggml_backend_buffer_get_base(buffer.get()));
    return buffer;
  }

  static Context context() {
    return Context(ggml_init(
        {.mem_size = 16 * ggml_tensor_overhead() + ggml_graph_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  }

  /// Weights of `rows` rows in a layout, made once.
  struct Weights {
    ggml_backend_buffer_type_t layout;
    std::int64_t rows;
    Context context;
    ggml_tensor* tensor;
    Buffer buffer;
  };
  ggml_tensor* weights_in(ggml_backend_buffer_type_t layout, std::int64_t rows) {
    for (const auto& one : all_weights)
      if (one.layout == layout && one.rows == rows) return one.tensor;
    auto made = context();
    auto* const tensor = ggml_new_tensor_2d(made.get(), type, length, rows);
    auto buffer = place(tensor, layout);
    if (!buffer) return nullptr;
    std::vector<std::byte> bytes(row.size() * static_cast<std::size_t>(rows));
    for (std::size_t at = 0; at < bytes.size(); at += row.size()) std::ranges::copy(row, bytes.data() + at);
    ggml_backend_tensor_set(tensor, bytes.data(), 0, bytes.size());
    all_weights.push_back({layout, rows, std::move(made), tensor, std::move(buffer)});
    return tensor;
  }

  ggml_type type;
  std::int64_t length;
  Backend backend;
  std::vector<std::byte> row;
  std::vector<Weights> all_weights;
};

Trial::Trial(ggml_type type, std::int64_t length) : impl_(std::make_unique<Impl>(type, length)) {
  // Whether a layout takes a type is seen where the library computes with it.
  const auto context = Impl::context();
  for (const auto layout : extra_layouts()) {
    auto* const weights = ggml_new_tensor_2d(context.get(), type, length, 64);
    auto* const inputs = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, length, 1);
    auto* const product = ggml_mul_mat(context.get(), weights, inputs);
    const Buffer buffer(ggml_backend_buft_alloc_buffer(layout, 0));
    if (!buffer) continue;
    weights->buffer = buffer.get();
    if (ggml_backend_dev_supports_op(processor(), product)) {
      layout_ = layout;
      return;
    }
  }
}

Trial::~Trial() = default;

double Trial::seconds(Maker maker, std::int64_t rows, std::int64_t columns, double beaten) {
  const auto plain = ggml_backend_dev_buffer_type(processor());
  auto* const weights = impl_->weights_in(maker == Maker::repacked ? layout_ : plain, rows);
  if (!weights) return INFINITY;
  const auto context = Impl::context();
  auto* const inputs = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, impl_->length, columns);
  OwnProduct own;
  auto* const out = maker == Maker::own ? ggml_custom_4d(context.get(), GGML_TYPE_F32, rows, columns, 1, 1, nullptr, 0,
                                                         OwnProduct::compute, GGML_N_TASKS_MAX, &own)
                                        : ggml_mul_mat(context.get(), weights, inputs);
  const auto input_buffer = Impl::place(inputs, plain);
  const auto out_buffer = Impl::place(out, plain);
  if (!input_buffer || !out_buffer) return INFINITY;
  const std::span numbers(static_cast<float*>(inputs->data), static_cast<std::size_t>(ggml_nelements(inputs)));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i * 31 % 101) / 50 - 1;
  if (maker == Maker::own) {
    const auto own_type = weight_type(impl_->type);
    if (!own_type) return INFINITY;
    own.product = {.type = *own_type,
                   .weights = static_cast<const std::byte*>(weights->data),
                   .weight_row_stride = weights->nb[1],
                   .inputs = static_cast<const std::byte*>(inputs->data),
                   .input_column_stride = inputs->nb[1],
                   .out = static_cast<std::byte*>(out->data),
                   .out_column_stride = out->nb[1],
                   .rows = static_cast<int>(rows),
                   .columns = static_cast<int>(columns),
                   .length = static_cast<int>(impl_->length)};
    if (!kernels::can_multiply(own.product)) return INFINITY;
    own.scratch_size = kernels::product_scratch(own.product);
    own.scratch.reset(static_cast<std::byte*>(::operator new(own.scratch_size, std::align_val_t{64})));
  }
  auto* const graph = ggml_new_graph_custom(context.get(), 8, /*grads=*/false);
  ggml_build_forward_expand(graph, out);
  double least = INFINITY;
  constexpr int runs = 5, enough = 2;  // the first one warms up
  for (int run = 0; run < runs && (run < enough || least < 2 * beaten); ++run) {
    own.next = 0;
    const auto begin = Clock::now();
    const double before = processor_seconds();
    if (ggml_backend_graph_compute(impl_->backend.get(), graph) != GGML_STATUS_SUCCESS) return INFINITY;
    const double taken = processor_seconds() - before;
    processor_time_ += taken;
    whole_time_ += std::chrono::duration<double>(Clock::now() - begin).count();
    least = std::min(least, taken);
  }
  return least;
}

}  // namespace dspy::llama::plugin
