#include "quantize.hpp"

#include "guard.hpp"

#include <llama.h>

#include <algorithm>
#include <array>

namespace dspy::llama::plugin {
namespace {

struct Quantization {
  const char* name;
  llama_ftype type;
};

/// Those that need no measurements of how a model is used (an importance matrix).  `mxfp4_moe` is for the experts of a
/// mixture, and leaves all else in Q8_0.
constexpr std::array quantizations_known = {
    Quantization{"f32", LLAMA_FTYPE_ALL_F32},          Quantization{"f16", LLAMA_FTYPE_MOSTLY_F16},
    Quantization{"bf16", LLAMA_FTYPE_MOSTLY_BF16},     Quantization{"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
    Quantization{"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},     Quantization{"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M},
    Quantization{"q5_k_s", LLAMA_FTYPE_MOSTLY_Q5_K_S}, Quantization{"q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},
    Quantization{"q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},     Quantization{"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M},
    Quantization{"q4_k_s", LLAMA_FTYPE_MOSTLY_Q4_K_S}, Quantization{"q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},
    Quantization{"q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},     Quantization{"iq4_nl", LLAMA_FTYPE_MOSTLY_IQ4_NL},
    Quantization{"iq4_xs", LLAMA_FTYPE_MOSTLY_IQ4_XS}, Quantization{"q3_k_l", LLAMA_FTYPE_MOSTLY_Q3_K_L},
    Quantization{"q3_k_m", LLAMA_FTYPE_MOSTLY_Q3_K_M}, Quantization{"q3_k_s", LLAMA_FTYPE_MOSTLY_Q3_K_S},
    Quantization{"q2_k", LLAMA_FTYPE_MOSTLY_Q2_K},     Quantization{"mxfp4_moe", LLAMA_FTYPE_MOSTLY_MXFP4_MOE},
};

}  // namespace

std::vector<std::string> quantizations() {
  std::vector<std::string> names;
  for (const auto& [name, type] : quantizations_known) names.emplace_back(name);
  return names;
}

void quantize(const RuntimeQuantizeOptions& options) {
  const auto* const known =
      std::ranges::find_if(quantizations_known, [&](const auto& each) { return options.type == each.name; });
  if (known == quantizations_known.end())
    fail(Errc::invalid_parameter, "there is no quantization `" + options.type + "`");
  std::string errors;
  const auto status = guarded(Errc::model_load_error, "the model could not be quantized", errors, [&] {
    auto parameters = llama_model_quantize_default_params();
    parameters.nthread = options.threads;
    parameters.ftype = known->type;
    parameters.allow_requantize = true;
    return llama_model_quantize(options.from.c_str(), options.to.c_str(), &parameters);
  });
  if (status != 0)
    fail(Errc::model_load_error,
         "the model could not be quantized: " + (errors.empty() ? "the inference library gave no reason" : errors));
}

}  // namespace dspy::llama::plugin
