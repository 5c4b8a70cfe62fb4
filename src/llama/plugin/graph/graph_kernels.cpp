#include "graph_kernels.hpp"

#include "trial.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace dspy::llama::plugin {
namespace {

constexpr std::align_val_t alignment{64};
constexpr std::size_t counters = 8192;

kernels::CellType cell_type(ggml_type type) {
  switch (type) {
    case GGML_TYPE_F32: return kernels::CellType::f32;
    case GGML_TYPE_F16: return kernels::CellType::f16;
    default: return kernels::CellType::other;
  }
}

/// In memory that the processor reads as it lies; repacked weights are not.
bool is_plain(const ggml_tensor* tensor) {
  const auto* const owner = tensor && tensor->view_src ? tensor->view_src : tensor;
  return !owner || (owner->buffer && ggml_backend_buffer_is_host(owner->buffer));
}

bool all_plain(const ggml_tensor& node) {
  return is_plain(&node) && std::ranges::all_of(node.src, is_plain);
}

/// Part of a model, and not something that was computed before.
bool is_weight(const ggml_tensor& tensor) {
  const auto* const owner = tensor.view_src ? tensor.view_src : &tensor;
  return owner->buffer && ggml_backend_buffer_get_usage(owner->buffer) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
}

const std::byte* bytes_of(const ggml_tensor& tensor) {
  return static_cast<const std::byte*>(tensor.data);
}

}  // namespace

bool only_processors() {
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i)
    if (ggml_backend_dev_type(ggml_backend_dev_get(i)) == GGML_BACKEND_DEVICE_TYPE_ACCEL) return false;
  return true;
}

void GraphKernels::Free::operator()(std::byte* memory) const {
  ::operator delete(memory, alignment);
}

GraphKernels::GraphKernels(int threads, std::shared_ptr<const Products> products)
    : products_(std::move(products)),
      threads_(threads),
      attention_(operation(compute_attention)),
      product_(operation(compute_product)),
      experts_(operation(compute_experts)),
      counters_(counters) {}

void GraphKernels::set_threads(int threads) {
  threads_ = threads;
  make_room();
}

void GraphKernels::install(llama_context_params& parameters) {
  if (attention_.op == GGML_OP_NONE || product_.op == GGML_OP_NONE || experts_.op == GGML_OP_NONE) return;
  parameters.cb_eval = on_node;
  parameters.cb_eval_user_data = this;
}

/// Has the library write one, as its layout is its own affair.  None if that leaves no place for `Extra`.
GraphKernels::Operation GraphKernels::operation(ggml_custom_op_t function) {
  std::vector<std::byte> memory(4 * ggml_tensor_overhead());
  auto* const context = ggml_init({.mem_size = memory.size(), .mem_buffer = memory.data(), .no_alloc = true});
  if (!context) return {};
  const auto* const node =
      ggml_custom_4d(context, GGML_TYPE_F32, 1, 1, 1, 1, nullptr, 0, function, GGML_N_TASKS_MAX, this);
  Operation written{.op = node->op};
  std::memcpy(written.parameters, node->op_params, extra_place);
  const auto* const behind = reinterpret_cast<const std::byte*>(node->op_params) + extra_place;
  if (std::any_of(behind, behind + sizeof(Extra), [](std::byte byte) { return byte != std::byte{0}; })) written = {};
  ggml_free(context);
  return written;
}

bool GraphKernels::on_node(ggml_tensor* node, bool ask, void* self) {
  if (ask) static_cast<GraphKernels*>(self)->exchange(*node);
  return false;
}

void GraphKernels::exchange(ggml_tensor& node) {
  if (node.op == GGML_OP_FLASH_ATTN_EXT && kernels::can_attend()) {
    struct {
      float scale, largest_bias, score_cap;
    } asked{};
    std::memcpy(&asked, node.op_params, sizeof asked);
    if (asked.largest_bias != 0 || asked.score_cap != 0 || !all_plain(node)) return;
    if (const auto attention = attention_of(node, asked.scale))
      put(node, attention_, {.scale = asked.scale}, attention_scratch(*attention));
  } else if (node.op == GGML_OP_MUL_MAT) {
    if (node.src[0]->ne[2] != 1 || node.src[1]->ne[2] != 1) return;
    if (const auto* const weights = weights_of(node, static_cast<int>(node.ne[1])))
      if (const auto product = product_of(node, weights))
        put(node, product_, {.weights = weights}, product_scratch(*product));
  } else if (node.op == GGML_OP_MUL_MAT_ID) {
    const auto columns = node.ne[1] * node.ne[2] / std::max<std::int64_t>(node.src[0]->ne[2], 1);
    if (const auto* const weights = weights_of(node, static_cast<int>(columns)))
      if (const auto product = experts_of(node, weights))
        put(node, experts_, {.weights = weights}, product_scratch(*product));
  } else if (is(node, attention_) || is(node, product_) || is(node, experts_)) {  // the graph of an earlier step
    auto extra = extra_of(node);
    extra.next = counter();
    set_extra(node, extra);
  }
}

GraphKernels::Extra GraphKernels::extra_of(const ggml_tensor& node) {
  Extra extra;
  std::memcpy(&extra, reinterpret_cast<const std::byte*>(node.op_params) + extra_place, sizeof extra);
  return extra;
}

void GraphKernels::set_extra(ggml_tensor& node, const Extra& extra) {
  std::memcpy(reinterpret_cast<std::byte*>(node.op_params) + extra_place, &extra, sizeof extra);
}

void GraphKernels::put(ggml_tensor& node, const Operation& operation, Extra extra, std::size_t scratch) {
  scratch_size_ = std::max(scratch_size_, scratch);
  make_room();
  extra.next = counter();
  node.op = operation.op;
  std::memset(node.op_params, 0, sizeof node.op_params);
  std::memcpy(node.op_params, operation.parameters, extra_place);
  set_extra(node, extra);
}

const std::byte* GraphKernels::weights_of(const ggml_tensor& node, int columns) const {
  const auto& weights = *node.src[0];
  if (!weight_type(weights.type) || !is_weight(weights) || !products_->are_ours(weights.type, columns)) return nullptr;
  if (!is_plain(&node) || !std::ranges::all_of(std::span(node.src).subspan(1), is_plain)) return nullptr;
  return is_plain(&weights) ? bytes_of(weights) : products_->plain(weights);
}

bool GraphKernels::is(const ggml_tensor& node, const Operation& operation) const {
  return node.op == operation.op && std::memcmp(node.op_params, operation.parameters, extra_place) == 0;
}

int* GraphKernels::counter() {
  auto& next = counters_[counter_++ % counters_.size()];
  next = 0;
  return &next;
}

void GraphKernels::make_room() {
  const auto wanted = scratch_size_ * static_cast<std::size_t>(std::max(threads_, 1));
  if (wanted <= room_) return;
  room_ = 0;
  memory_.reset();
  memory_.reset(static_cast<std::byte*>(::operator new(wanted, alignment)));
  room_ = wanted;
}

std::byte* GraphKernels::scratch(int thread) const {
  return memory_.get() + static_cast<std::size_t>(thread) * scratch_size_;
}

std::optional<kernels::Attention> GraphKernels::attention_of(const ggml_tensor& node, float scale) {
  const auto* const q = node.src[0];
  const auto* const k = node.src[1];
  const auto* const v = node.src[2];
  const auto* const mask = node.src[3];
  if (!q || !k || !v || !mask || node.src[4]) return std::nullopt;  // the fifth are attention sinks
  if (q->type != GGML_TYPE_F32 || mask->type != GGML_TYPE_F16 || node.type != GGML_TYPE_F32) return std::nullopt;
  if (q->ne[3] != 1 || k->ne[3] != 1 || v->ne[3] != 1 || mask->ne[2] != 1 || mask->ne[3] != 1) return std::nullopt;
  if (q->nb[0] != sizeof(float) || mask->nb[0] != sizeof(ggml_fp16_t) || k->nb[0] != ggml_type_size(k->type) ||
      v->nb[0] != ggml_type_size(v->type) || !ggml_is_contiguous(&node))
    return std::nullopt;
  if (k->ne[2] != v->ne[2] || mask->ne[0] < k->ne[1] || mask->ne[1] < q->ne[1]) return std::nullopt;

  const kernels::Attention attention{.queries = bytes_of(*q),
                                     .query_token_stride = q->nb[1],
                                     .query_head_stride = q->nb[2],
                                     .keys = bytes_of(*k),
                                     .key_cell_stride = k->nb[1],
                                     .key_head_stride = k->nb[2],
                                     .key_type = cell_type(k->type),
                                     .read_keys = ggml_get_type_traits(k->type)->to_float,
                                     .values = bytes_of(*v),
                                     .value_cell_stride = v->nb[1],
                                     .value_head_stride = v->nb[2],
                                     .value_type = cell_type(v->type),
                                     .read_values = ggml_get_type_traits(v->type)->to_float,
                                     .mask = bytes_of(*mask),
                                     .mask_token_stride = mask->nb[1],
                                     .out = static_cast<float*>(node.data),
                                     .tokens = static_cast<int>(q->ne[1]),
                                     .heads = static_cast<int>(q->ne[2]),
                                     .key_heads = static_cast<int>(k->ne[2]),
                                     .cells = static_cast<int>(k->ne[1]),
                                     .key_length = static_cast<int>(k->ne[0]),
                                     .value_length = static_cast<int>(v->ne[0]),
                                     .scale = scale};
  using enum kernels::CellType;
  const bool readable =
      (attention.key_type != other || attention.read_keys) && (attention.value_type != other || attention.read_values);
  if (!readable || !can_attend(attention)) return std::nullopt;
  return attention;
}

std::optional<kernels::Product> GraphKernels::product_of(const ggml_tensor& node, const std::byte* bytes) {
  const auto* const weights = node.src[0];
  const auto* const inputs = node.src[1];
  const auto type = weight_type(weights->type);
  if (!type || inputs->type != GGML_TYPE_F32 || node.type != GGML_TYPE_F32) return std::nullopt;
  if (weights->ne[3] != 1 || inputs->ne[3] != 1) return std::nullopt;
  if (weights->nb[0] != ggml_type_size(weights->type) || inputs->nb[0] != sizeof(float) || node.nb[0] != sizeof(float))
    return std::nullopt;
  const kernels::Product product{.type = *type,
                                 .weights = bytes,
                                 .weight_row_stride = weights->nb[1],
                                 .inputs = bytes_of(*inputs),
                                 .input_column_stride = inputs->nb[1],
                                 .out = static_cast<std::byte*>(node.data),
                                 .out_column_stride = node.nb[1],
                                 .rows = static_cast<int>(weights->ne[1]),
                                 .columns = static_cast<int>(inputs->ne[1]),
                                 .length = static_cast<int>(weights->ne[0])};
  if (!can_multiply(product)) return std::nullopt;
  return product;
}

std::optional<kernels::ExpertProduct> GraphKernels::experts_of(const ggml_tensor& node, const std::byte* bytes) {
  const auto* const weights = node.src[0];
  const auto* const inputs = node.src[1];
  const auto* const chosen = node.src[2];
  auto product = product_of(node, bytes);
  if (!product || !chosen || chosen->type != GGML_TYPE_I32 || chosen->nb[0] != sizeof(std::int32_t))
    return std::nullopt;
  if (inputs->ne[1] != 1 && inputs->ne[1] != chosen->ne[0]) return std::nullopt;
  product->columns = static_cast<int>(chosen->ne[1]);
  product->input_column_stride = inputs->nb[2];
  product->out_column_stride = node.nb[2];
  return kernels::ExpertProduct{.product = *product,
                                .expert_stride = weights->nb[2],
                                .experts = static_cast<int>(weights->ne[2]),
                                .slots = static_cast<int>(chosen->ne[0]),
                                .chosen = bytes_of(*chosen),
                                .chosen_token_stride = chosen->nb[1],
                                .input_slot_stride = inputs->ne[1] == 1 ? 0 : inputs->nb[1],
                                .out_slot_stride = node.nb[1]};
}

void GraphKernels::compute_attention(ggml_tensor* node, int thread, int threads, void* self) {
  const auto extra = extra_of(*node);
  kernels::attend(*attention_of(*node, extra.scale), static_cast<GraphKernels*>(self)->scratch(thread), extra.next,
                  threads);
}

void GraphKernels::compute_product(ggml_tensor* node, int thread, int threads, void* self) {
  const auto extra = extra_of(*node);
  kernels::multiply(*product_of(*node, extra.weights), static_cast<GraphKernels*>(self)->scratch(thread), extra.next,
                    threads);
}

void GraphKernels::compute_experts(ggml_tensor* node, int thread, int threads, void* self) {
  const auto extra = extra_of(*node);
  kernels::multiply(*experts_of(*node, extra.weights), static_cast<GraphKernels*>(self)->scratch(thread), extra.next,
                    threads);
}

}  // namespace dspy::llama::plugin
