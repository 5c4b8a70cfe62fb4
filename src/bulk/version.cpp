#include "dspy/bulk/version.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"

#include <format>
#include <iterator>
#include <string>
#include <string_view>

namespace dspy {

std::string program_version(const Program& program, std::string_view source) {
  auto text = to_text(to_program_file(program));
  text += sha256(source);
  program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    if (predictor.lm() == nullptr)
      throw Error(
          Errc::config_error,
          std::format(
              "the predictor `{}` has no model, so the version of the program cannot be determined; give it one",
              path));
    const auto& policy = predictor.policy();
    std::format_to(std::back_inserter(text), "\n{} {} {} {} {} {}", path,
                   cache_key(Request{.sampling = predictor.sampling()}, predictor.lm()->fingerprint()), policy.rewrite,
                   policy.ask_again, static_cast<int>(policy.finally),
                   policy.fallback != nullptr ? policy.fallback->name() : std::string_view());
  });
  return sha256(text);
}

}  // namespace dspy
