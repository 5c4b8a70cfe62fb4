#include "random_model.hpp"

#include "../../tests/support/random_model.hpp"
#include "dspy/base/error.hpp"
#include "dspy/llama/quantize.hpp"

#include <format>
#include <optional>
#include <string_view>

namespace dspy::tools {
namespace {

namespace fs = std::filesystem;
using test::GgufWriter;
using test::RandomModel;

/// What needs no library; it quantises the rest from f16.
std::optional<GgufWriter::Type> written_directly(std::string_view type) {
  if (type == "f32") return GgufWriter::f32;
  if (type == "f16") return GgufWriter::f16;
  if (type == "q8_0") return GgufWriter::q8_0;
  return std::nullopt;
}

void write(const RandomModelPlan& plan, GgufWriter::Type type, const fs::path& path) {
  const auto model = RandomModel::of_shape(plan.shape, type);
  if (!model)
    throw Error(Errc::invalid_parameter,
                std::format("there is no shape `{}`; there are 135m, 0.5b and 1.5b", plan.shape));
  model->write(path.string());
  std::error_code error;
  if (fs::file_size(path, error) == 0 || error)
    throw Error(Errc::io_error,
                std::format("cannot write {}; is the folder there and the disk not full?", path.string()));
}

}  // namespace

void write_random_model(const RandomModelPlan& plan) {
  if (const auto type = written_directly(plan.type)) return write(plan, *type, plan.path);
  const auto whole = fs::path(plan.path.string() + ".f16");
  const struct Remove {
    const fs::path& path;
    ~Remove() {
      std::error_code error;
      fs::remove(path, error);
    }
  } remove{whole};
  write(plan, GgufWriter::f16, whole);
  llama::quantize(whole, plan.path, {.type = plan.type});
}

}  // namespace dspy::tools
