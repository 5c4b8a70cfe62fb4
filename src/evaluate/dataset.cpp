#include "dspy/evaluate/dataset.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::vector<std::string> names_of(const std::vector<Field>& fields) {
  std::vector<std::string> out;
  out.reserve(fields.size());
  for (const auto& field : fields) out.push_back(field.name);
  return out;
}

std::string columns_of(const JsonObject& values) {
  std::vector<std::string> names;
  for (const auto& member : values) names.emplace_back(member.key());
  return text::enumerate(names, "`", "and");
}

/// The name of an input column that `values` lacks, or null.  A signature's input may have a default.
const std::string* missing_input(const JsonObject& values, const std::vector<std::string>& inputs,
                                 const Signature* signature) {
  for (const auto& name : inputs) {
    if (values.contains(name)) continue;
    const auto* const field = signature != nullptr ? signature->find(name) : nullptr;
    if (field == nullptr || field->is_required()) return &name;
  }
  return nullptr;
}

[[noreturn]] void reject(const std::filesystem::path& path, std::size_t line, const std::string& problem) {
  throw Error(Errc::bad_input, std::format("{}:{}: the row {}", path.string(), line, problem));
}

/// Thrown to leave the reading of a file where enough was read.
struct Enough {};

}  // namespace

std::vector<Example> read_dataset(const std::filesystem::path& path, const DatasetOptions& options) {
  const auto* const signature = options.signature;
  auto inputs = options.inputs;
  auto outputs = options.outputs;
  if (signature != nullptr) {
    if (inputs.empty()) inputs = names_of(signature->inputs);
    if (outputs.empty()) outputs = names_of(signature->outputs);
  }
  if (inputs.empty()) {
    throw Error(Errc::invalid_parameter,
                std::format("nothing says which columns of `{}` are inputs; name them (`inputs`), or give a signature",
                            path.string()));
  }
  std::vector<Example> out;
  try {
    each_row(path, signature, [&](DataRow row) {
      if (!row.problem.empty()) reject(path, row.line, row.problem);
      if (const auto* const missing = missing_input(row.values, inputs, signature)) {
        reject(path, row.line,
               row.values.empty()
                   ? std::format("is empty; it needs the input column `{}`", *missing)
                   : std::format("lacks the input column `{}`; it has {}", *missing, columns_of(row.values)));
      }
      if (const auto* const missing = missing_input(row.values, options.needed, nullptr)) {
        reject(path, row.line, std::format("lacks the column `{}`; it has {}", *missing, columns_of(row.values)));
      }
      out.push_back(outputs.empty() ? Example(std::move(row.values), inputs)
                                    : Example(std::move(row.values), inputs, outputs));
      if (out.size() == options.limit) throw Enough();
    });
  } catch (const Enough&) {
  }
  return out;
}

void write_dataset(const std::filesystem::path& path, const std::vector<Example>& examples) {
  std::string text;
  for (const auto& example : examples) {
    append_text(text, example.data);
    text += '\n';
  }
  replace_file(path, text);
}

std::vector<Example> with_inputs(std::vector<Example> examples, const std::vector<std::string>& inputs) {
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (const auto* const missing = missing_input(examples[i].data, inputs, nullptr)) {
      throw Error(Errc::bad_input, std::format("example {} has no `{}`, which is to be an input; it has {}", i,
                                               *missing, columns_of(examples[i].data)));
    }
    examples[i] = Example(std::move(examples[i].data), inputs);
  }
  return examples;
}

std::vector<Example> shuffled(std::vector<Example> examples, std::uint64_t seed) {
  Random(seed).shuffle(std::span(examples));
  return examples;
}

std::vector<Example> sampled(const std::vector<Example>& examples, std::size_t count, std::uint64_t seed) {
  if (count > examples.size()) {
    throw Error(Errc::invalid_parameter,
                std::format("{} examples were to be drawn from {}; draw fewer", count, examples.size()));
  }
  Random random(seed);
  std::vector<std::size_t> left(examples.size());
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = i;
  std::vector<Example> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(left[i], left[i + static_cast<std::size_t>(random.below(left.size() - i))]);
    out.push_back(examples[left[i]]);
  }
  return out;
}

std::pair<std::vector<Example>, std::vector<Example>> split(std::vector<Example> examples, double share,
                                                            std::uint64_t seed) {
  if (!(share > 0 && share < 1)) {
    throw Error(Errc::invalid_parameter, std::format("a dataset is split by a share between 0 and 1, not {}", share));
  }
  if (examples.size() < 2) {
    throw Error(Errc::invalid_parameter,
                std::format("a dataset of {} cannot be split in two; it needs at least two examples", examples.size()));
  }
  examples = shuffled(std::move(examples), seed);
  const auto wanted = static_cast<std::size_t>(std::llround(share * static_cast<double>(examples.size())));
  const auto first = std::clamp<std::size_t>(wanted, 1, examples.size() - 1);
  const auto middle = examples.begin() + static_cast<std::ptrdiff_t>(first);
  std::vector<Example> rest(std::make_move_iterator(middle), std::make_move_iterator(examples.end()));
  examples.erase(middle, examples.end());
  return {std::move(examples), std::move(rest)};
}

}  // namespace dspy
