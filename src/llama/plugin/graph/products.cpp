#include "products.hpp"

#include "dspy/base/error.hpp"
#include "gguf_file.hpp"
#include "llama/kernels/choice.hpp"
#include "llama/kernels/target.hpp"
#include "llama/plugin/guard.hpp"
#include "trial.hpp"

#include <ggml-backend.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::plugin {

using kernels::Layout;
using kernels::Timing;

namespace {

/// Below this a model is loaded and run before a measurement would have paid.
constexpr double small_file = 64e6;

struct TypeUse {
  double weights = 0;
  std::map<std::int64_t, double> by_length;  ///< Weights in rows of a length.

  std::int64_t usual_length() const {
    return std::ranges::max_element(by_length, {}, &std::pair<const std::int64_t, double>::second)->first;
  }
};

/// The types of matrices that our kernels could take.
std::map<ggml_type, TypeUse> types_in(const GgufFile& file, double& bytes) {
  std::map<ggml_type, TypeUse> types;
  file.for_each([&](const ggml_tensor& tensor, std::size_t) {
    bytes += static_cast<double>(ggml_nbytes(&tensor));
    if (tensor.ne[1] == 1 || !weight_type(tensor.type)) return;
    auto& use = types[tensor.type];
    const auto count = static_cast<double>(ggml_nelements(&tensor));
    use.weights += count;
    use.by_length[tensor.ne[0]] += count;
  });
  return types;
}

/// Changes with whatever changes what products take: the processor, what the library's backend makes of it, and the
/// kernels' versions.
std::string machine() {
  const auto device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  ggml_backend_dev_props properties{};
  ggml_backend_dev_get_props(device, &properties);
  std::string name = properties.description ? properties.description : "processor";
  std::ranges::replace(name, '\t', ' ');
  name += std::string("; ") + kernels::chosen_target()->name + " 1; llama.cpp " + llama_version();
  const auto features = reinterpret_cast<ggml_backend_get_features_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_get_features"));
  if (!features) return name;
  for (const auto* one = features(ggml_backend_dev_backend_reg(device)); one && one->name; ++one)
    name += std::string(" ") + one->name;
  return name;
}

/// `keep`: whether it is good enough to be kept.
Timing timed(ggml_type type, std::int64_t length, const std::string& name, bool& keep) {
  Trial trial(type, length);
  Timing timing{.name = name};
  for (std::size_t i = 0; i < kernels::column_classes; ++i) {
    const int columns = kernels::timed_columns[i];
    const std::int64_t weights = columns == 1 ? std::int64_t{4} << 20 : columns <= 8 ? 1 << 20 : 1 << 18;
    const auto rows = std::max<std::int64_t>(weights / length / 64 * 64, 64);
    timing.own[i] = trial.seconds(Maker::own, rows, columns);
    timing.plain[i] = trial.seconds(Maker::plain, rows, columns, timing.own[i]);
    timing.repacked[i] = trial.can_repack() ? trial.seconds(Maker::repacked, rows, columns, timing.own[i]) : INFINITY;
  }
  keep = !trial.was_disturbed();
  return timing;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Timings of this process, and those that a file kept.
Timing timing_of(ggml_type type, std::int64_t length, const std::filesystem::path& cache) {
  static std::mutex mutex;
  static auto& known = *new std::map<std::string, Timing>;
  const std::scoped_lock lock(mutex);
  const auto name = std::string(ggml_type_name(type)) + " " + std::to_string(length);
  if (const auto found = known.find(name); found != known.end()) return found->second;
  const auto here = machine();
  for (const auto& timing : kernels::read_timings(text_of(cache), here)) known.try_emplace(timing.name, timing);
  if (const auto found = known.find(name); found != known.end()) return found->second;
  bool keep = false;
  const auto timing = timed(type, length, name, keep);
  if (keep) std::ofstream(cache, std::ios::binary | std::ios::app) << kernels::write_timing(timing, here);
  return known.emplace(name, timing).first->second;
}

/// Whether a second copy leaves the machine at least as much memory.
bool has_room_for(double bytes) {
  std::ifstream facts("/proc/meminfo");
  for (std::string name; facts >> name;) {
    if (double kilobytes = 0; name == "MemAvailable:" && facts >> kilobytes) return 3 * bytes < kilobytes * 1024;
  }
  return false;
}

std::optional<Layout> wanted_layout() {
  const char* const variable = std::getenv("DSPY_WEIGHTS");
  const std::string_view wanted = variable ? variable : "";
  if (wanted.empty()) return std::nullopt;
  if (wanted == "plain") return Layout::plain;
  if (wanted == "repacked") return Layout::repacked;
  if (wanted == "both") return Layout::both;
  fail(Errc::config_error, "DSPY_WEIGHTS is `" + std::string(wanted) + "`; it can be `plain`, `repacked` or `both`");
}

}  // namespace

std::shared_ptr<const Products> Products::of(const std::string& path, const std::filesystem::path& cache) {
  auto products = std::make_shared<Products>();
  if (!kernels::chosen_target()) {
    products->choice_.layout = Layout::repacked;
    return products;
  }
  const GgufFile file(path);
  if (!file) return products;  // loading it will say why
  double bytes = 0;
  const auto types = types_in(file, bytes);
  const auto wanted = wanted_layout();
  if (!wanted && !cache.empty() && bytes >= small_file) {
    std::vector<Timing> timings;
    std::vector<double> weights;
    for (const auto& [type, use] : types) {
      products->types_.emplace(type, timings.size());
      timings.push_back(timing_of(type, use.usual_length(), cache));
      weights.push_back(use.weights);
    }
    products->choice_ = kernels::choose(timings, weights, file.parts() == 1 && has_room_for(bytes));
  }
  if (wanted) products->choice_.layout = *wanted;
  if (products->choice_.layout == Layout::both) products->plain_ = PlainWeights::of(path);
  return products;
}

bool Products::are_ours(ggml_type type, int columns) const {
  const auto found = types_.find(type);
  if (found == types_.end()) return true;
  return choice_.types[found->second].own[kernels::column_class(columns)];
}

}  // namespace dspy::llama::plugin
