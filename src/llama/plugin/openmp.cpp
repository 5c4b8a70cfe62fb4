#include "openmp.hpp"

#include <dlfcn.h>

#include <initializer_list>

namespace dspy::llama::plugin {
namespace {

/// A function of the OpenMP runtime that is loaded; null if there is none.  Backends of the inference library are
/// loaded for themselves, so what they link is not visible here by its name alone.
template <class F>
F* find(const char* name) {
  for (const char* library : {"libgomp.so.1", "libomp.so.5", "libomp.so", "libiomp5.so"}) {
    auto* const handle = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) continue;
    if (auto* const function = ::dlsym(handle, name)) return reinterpret_cast<F*>(function);  // stays loaded
    ::dlclose(handle);
  }
  return nullptr;
}

}  // namespace

bool is_in_parallel_region() {
  static auto* const ask = find<int()>("omp_in_parallel");
  return ask && ask() != 0;
}

}  // namespace dspy::llama::plugin
