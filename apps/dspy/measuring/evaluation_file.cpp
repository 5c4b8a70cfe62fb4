#include "measuring/evaluation_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/evaluate/report.hpp"

#include <cstdint>
#include <format>

namespace dspy::app {

EvaluationResult read_evaluation(const std::string& path) {
  const auto json = parse_json(read_text(path, std::uintmax_t{1} << 32));
  if (!json || !json->is_object())
    throw Error(Errc::bad_input, std::format("`{}` does not contain results of `dspy eval --output FILE.json`", path));
  return evaluation_from_json(json->get_object());
}

}  // namespace dspy::app
