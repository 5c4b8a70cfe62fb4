#include "dspy/base/text.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "programs/program_format.hpp"
#include "programs/saved_decisions.hpp"
#include "signature/notation/identifier.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

using namespace program_format;

std::vector<const Field*> fields_of(const Signature& signature) {
  std::vector<const Field*> out;
  for (const auto* side : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *side) out.push_back(&field);
  }
  return out;
}

const Field* find_in(const std::vector<Field>& side, std::string_view name) {
  const auto found = std::ranges::find(side, name, &Field::name);
  return found == side.end() ? nullptr : &*found;
}

/// What two declarations of a type must share: everything but limits and functions.
Type comparable(Type type) {
  type = without_limits(std::move(type));
  const auto strip = [](auto&& self, Type& part) -> void {
    for (auto& argument : part.arguments) self(self, argument);
    if (part.members->empty()) return;
    for (auto& member : part.members.edit()) {
      member.validators.clear();
      self(self, member.type);
    }
  };
  strip(strip, type);
  return type;
}

void compare_side(std::string_view word, const std::vector<Field>& saved, const std::vector<Field>& saved_other,
                  const std::vector<Field>& declared, std::vector<std::string>& out) {
  for (const auto& field : declared) {
    if (find_in(saved_other, field.name) != nullptr) {
      out.push_back(std::format("`{}` is an {} of the program and an {} in the file", field.name, word,
                                word == "input" ? "output" : "input"));
    } else if (const auto* other = find_in(saved, field.name); other == nullptr) {
      out.push_back(std::format("the {} `{}` of the program is not in the file", word, field.name));
    } else if (comparable(other->type) != comparable(field.type)) {
      out.push_back(std::format("the {} `{}` is `{}` in the program and `{}` in the file", word, field.name,
                                to_notation(without_limits(field.type)), to_notation(without_limits(other->type))));
    }
  }
}

void compare_names(const Signature& saved, const Signature& declared, std::vector<std::string>& out) {
  compare_side("input", saved.inputs, saved.outputs, declared.inputs, out);
  compare_side("output", saved.outputs, saved.inputs, declared.outputs, out);
  for (const auto& [word, side] : {std::pair("input", &saved.inputs), std::pair("output", &saved.outputs)}) {
    for (const auto& field : *side) {
      if (declared.find(field.name) == nullptr)
        out.push_back(std::format("the {} `{}` of the file is not in the program", word, field.name));
    }
  }
}

/// The name in `${name}`, or nothing: `${the corrected text}` is a description, as DSPy's own modules have them.
std::string_view named_by(std::string_view description) {
  if (!description.starts_with("${") || !description.ends_with('}')) return {};
  const auto name = description.substr(2, description.size() - 3);
  return is_identifier(name) ? name : std::string_view();
}

/// Python's files hold no names, only hints: `${name}` where nobody wrote a description, and prefixes.  Optimizers may
/// have changed a prefix, so only one that belongs to another field proves a mismatch.
void compare_traces(const SavedPredictor& saved, const Signature& declared, std::vector<std::string>& out) {
  const auto fields = fields_of(declared);
  if (saved.fields.size() != fields.size()) {
    std::vector<std::string> prefixes;
    for (const auto& field : saved.fields) prefixes.push_back(field.prefix);
    out.push_back(std::format("the file holds {} field{} ({}) where the program has {} (`{}`)", saved.fields.size(),
                              saved.fields.size() == 1 ? "" : "s", text::enumerate(prefixes, "\"", "and"),
                              fields.size(), to_notation(declared)));
    return;
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& written = saved.fields[i];
    const bool has_own_prefix = written.prefix == prefix_of(fields[i]->name);
    if (const auto name = named_by(written.description); !name.empty()) {
      // With the field's own prefix, it is a description that someone wrote.
      if (name != fields[i]->name && !has_own_prefix)
        out.push_back(
            std::format("field {} is `{}` in the program and `{}` in the file", i + 1, fields[i]->name, name));
      continue;
    }
    if (has_own_prefix) continue;
    const auto other =
        std::ranges::find(fields, written.prefix, [](const auto* field) { return prefix_of(field->name); });
    if (other != fields.end()) {
      out.push_back(
          std::format("field {} is `{}` in the program and `{}` in the file", i + 1, fields[i]->name, (*other)->name));
    }
  }
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out.append(out.empty() ? "" : "; ").append(part);
  return out;
}

/// The adapter of that name: the predictor's own if it is called so, for adapters that this
/// library does not know.
std::shared_ptr<const Adapter> adapter_for(const SavedPredictor& saved, const Predictor& predictor) {
  if (saved.adapter.empty() || (predictor.adapter() && predictor.adapter()->name() == saved.adapter))
    return predictor.adapter();
  return adapter(saved.adapter);
}

}  // namespace

std::vector<std::string> differences(const SavedPredictor& saved, const Signature& declared) {
  std::vector<std::string> out;
  if (saved.names_its_fields()) {
    compare_names(saved.signature, declared, out);
  } else {
    compare_traces(saved, declared, out);
  }
  return out;
}

Signature merged_signature(const SavedPredictor& saved, const Signature& declared) {
  if (const auto found = differences(saved, declared); !found.empty()) {
    throw Error(Errc::config_error,
                std::format("the fields of the predictor `{}` differ: {}; load it into the program it was "
                            "saved from, or save it again",
                            saved.path, joined(found)));
  }
  auto merged = declared;
  merged.instructions = saved.signature.instructions;
  std::size_t index = 0;
  for (auto* side : {&merged.inputs, &merged.outputs}) {
    for (auto& field : *side) {
      if (const auto* written = saved.signature.find(field.name)) {
        field.description = written->description;
        field.label = written->label;
      } else {
        const auto& description = saved.fields[index].description;
        field.description = description == default_description(field.name) ? std::string() : description;
      }
      ++index;
    }
  }
  return merged;
}

Predictor to_predictor(const SavedPredictor& saved, PredictorOptions options,
                       const std::optional<Signature>& signature) {
  if (!signature && !saved.names_its_fields()) {
    throw Error(Errc::config_error,
                std::format("the predictor `{}` does not name its fields, as in files of Python DSPy; "
                            "give its signature, such as \"question -> answer\"",
                            saved.path));
  }
  auto merged = saved.signature;
  if (signature) {
    const bool lacks_reasoning = saved.path.ends_with("predict") && signature->find("reasoning") == nullptr &&
                                 signature->inputs.size() + signature->outputs.size() + 1 == saved.fields.size();
    merged = merged_signature(saved, lacks_reasoning ? with_reasoning(*signature) : *signature);
  }
  for (const auto& demo : saved.demos) options.demos.emplace_back(demo, merged);
  options.sampling = options.sampling.over(saved.sampling);
  if (!options.adapter && !saved.adapter.empty()) options.adapter = adapter(saved.adapter);
  if (options.decisions.empty()) options.decisions = saved_decisions(saved, merged);
  return Predictor(std::move(merged), std::move(options));
}

void detail::apply(const ProgramFile& file, const NamedPredictors& predictors, const LoadOptions& options) {
  std::vector<std::string> problems;
  for (const auto& saved : file.predictors) {
    if (std::ranges::find(predictors, saved.path, &NamedPredictors::value_type::first) == predictors.end())
      problems.push_back(std::format("the program has no predictor `{}`", saved.path));
  }
  std::vector<Predictor> loaded;
  for (const auto& [path, predictor] : predictors) {
    const auto* saved = file.find(path);
    if (saved == nullptr) {
      problems.push_back(std::format("the file has no predictor `{}`", path));
      continue;
    }
    auto found = differences(*saved, predictor->signature());
    if (!options.accept_other_functions) {
      for (auto& each : function_differences(*saved, predictor->signature())) found.push_back(std::move(each));
    }
    if (!found.empty()) {
      problems.push_back(std::format("in `{}`, {}", path, joined(found)));
      continue;
    }
    auto copy = *predictor;
    copy.set_signature(merged_signature(*saved, predictor->signature()));
    std::vector<Example> demos;
    for (const auto& demo : saved->demos) demos.emplace_back(demo, copy.signature());
    copy.set_demos(std::move(demos));
    copy.set_adapter(adapter_for(*saved, *predictor));
    copy.set_sampling(saved->sampling.over(predictor->sampling()));
    if (auto decisions = saved_decisions(*saved, copy.signature()); !decisions.empty())
      copy.set_decisions(std::move(decisions));
    loaded.push_back(std::move(copy));
  }
  if (!problems.empty()) {
    throw Error(Errc::config_error,
                std::format("the file does not fit the program: {}; load it into the program it was saved "
                            "from, or save it again",
                            joined(problems)));
  }
  for (std::size_t i = 0; i < predictors.size(); ++i) *predictors[i].second = std::move(loaded[i]);
}

}  // namespace dspy
