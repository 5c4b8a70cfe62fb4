#include "dspy/evaluate/trace_examples.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <cstddef>
#include <format>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::string text_at(const JsonObject& span, std::string_view name) {
  const auto* const value = span.if_contains(name);
  return value == nullptr || !value->is_string() ? std::string() : std::string(view(value->get_string()));
}

const JsonObject* object_at(const JsonObject& span, std::string_view name) {
  const auto* const value = span.if_contains(name);
  return value == nullptr || !value->is_object() ? nullptr : &value->get_object();
}

/// Examples of one origin, each of other inputs than those before it.
class Distinct {
 public:
  void add(const JsonObject& inputs, const JsonObject& outputs) {
    Example example(inputs, {});
    for (const auto& input : inputs) example.input_keys.emplace_back(input.key());
    for (const auto& output : outputs) {
      if (!inputs.contains(output.key())) example.data[output.key()] = output.value();
    }
    const auto [known, is_new] = places_.try_emplace(to_text(inputs), examples_.size());
    if (is_new)
      examples_.push_back(std::move(example));
    else
      examples_[known->second] = std::move(example);
  }
  std::vector<Example> take() && { return std::move(examples_); }

 private:
  std::map<std::string, std::size_t> places_;
  std::vector<Example> examples_;
};

/// By path, and under `runs` those of the program itself.
struct Calls {
  std::map<std::string, Distinct> by_path;
  Distinct runs;
  bool has_runs = false;

  void add(const JsonObject& span) {
    const auto kind = text_at(span, "kind");
    const auto* const inputs = object_at(span, "inputs");
    const auto* const outputs = object_at(span, "outputs");
    if (inputs == nullptr || outputs == nullptr || span.contains("error")) return;
    if (kind == "program") {
      runs.add(*inputs, *outputs);
      has_runs = true;
    } else if (kind == "call") {
      by_path[text_at(span, "path")].add(*inputs, *outputs);
    }
  }

  std::vector<Example> choose(const std::string& path, const std::string& file) && {
    if (path.empty() && has_runs) return std::move(runs).take();
    std::vector<std::string> paths;
    for (const auto& [each, calls] : by_path) paths.push_back(each);
    if (paths.empty())
      throw Error(Errc::bad_input,
                  std::format("the trace `{}` has no successful call with inputs and outputs; record it with "
                              "`has_content`",
                              file));
    const auto found = path.empty() && by_path.size() == 1 ? by_path.begin() : by_path.find(path);
    if (found != by_path.end()) return std::move(found->second).take();
    throw Error(Errc::bad_input, path.empty()
                                     ? std::format("the trace `{}` has calls of several predictors; name one: {}", file,
                                                   text::enumerate(paths, "`", "or"))
                                     : std::format("the trace `{}` has no call of `{}`; there is {}", file, path,
                                                   text::enumerate(paths, "`", "and")));
  }
};

}  // namespace

std::vector<Example> examples_from_trace(const std::filesystem::path& file, const std::string& path) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(Errc::io_error, std::format("the trace `{}` cannot be read; check the path", file.string()));
  Calls calls;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) continue;
    const auto span = parse_json(line);
    if (span && span->is_object()) {
      calls.add(span->get_object());
    } else if (!in.eof()) {  // the last line of a process that was killed has no end
      throw Error(Errc::bad_input, std::format("{}:{}: the line is not a span of a trace", file.string(), number));
    }
  }
  return std::move(calls).choose(path, file.string());
}

}  // namespace dspy
