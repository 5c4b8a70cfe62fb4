// How threads share a product, the same for all formats.  Included by the text of the products.
#pragma once

#include "llama/kernels/product_strips.hpp"
#include "llama/kernels/vectors.hpp"

namespace dspy::llama::kernels {
namespace {

DSPY_INLINE const float* input_column(const Product& product, Index column) {
  const auto place = product.input_places ? product.input_places[column]
                                          : static_cast<std::size_t>(column) * product.input_column_stride;
  return reinterpret_cast<const float*>(product.inputs + place);
}

/// Past the end, the last row again; nobody reads what those give.
struct StripRows {
  DSPY_INLINE StripRows(const Product& product, Index row)
      : first(row), count(product.rows - row < lanes ? product.rows - row : lanes) {
    for (Index i = 0; i < lanes; ++i)
      starts[i] = product.weights +
                  static_cast<std::size_t>(row + (i < count ? i : count - 1)) * product.weight_row_stride;
  }
  const std::byte* starts[lanes];
  Index first;
  Index count;
};

DSPY_INLINE void write_out(const Product& product, const StripRows& rows, Index column, Index columns,
                           const float* out) {
  for (Index c = 0; c < columns; ++c) {
    const auto place = product.out_places ? product.out_places[column + c]
                                          : static_cast<std::size_t>(column + c) * product.out_column_stride;
    auto* const to = product.out + place + static_cast<std::size_t>(rows.first) * sizeof(float);
    if (rows.count == lanes)
      store(load<Floats>(out + c * lanes), to);
    else
      __builtin_memcpy(to, out + c * lanes, static_cast<std::size_t>(rows.count) * sizeof(float));
  }
}

/// Calls `prepare(first column, columns)` for each pass, and `strip(rows, first column, columns)` for each of its
/// strips that this thread gets.
template <class Prepare, class Strip>
DSPY_INLINE void share_out(const Product& product, int threads, Units& units, Prepare&& prepare, Strip&& strip) {
  const Index strips = (product.rows + lanes - 1) / lanes;
  // Small enough that a thread that lags has little left to do when the others are done.
  const Index fair = strips / (Index{threads} * 8);
  const Index share = fair > 1 ? fair : 1;
  const Index shares = (strips + share - 1) / share;
  const Index most = pass_columns(product);
  const Index passes = (product.columns + most - 1) / most;
  Index prepared = -1;
  for (; units.taken < units.begin + shares * passes;
       units.taken = __atomic_fetch_add(units.next, 1, __ATOMIC_RELAXED)) {
    const Index pass = (units.taken - units.begin) / shares;
    const Index first = pass * most;
    const Index columns = product.columns - first < most ? product.columns - first : most;
    if (pass != prepared) prepare(first, columns);
    prepared = pass;
    const Index begin = (units.taken - units.begin) % shares * share;
    for (Index i = begin; i < strips && i < begin + share; ++i) strip(StripRows(product, i * lanes), first, columns);
  }
  units.begin += shares * passes;
}

}  // namespace
}  // namespace dspy::llama::kernels
