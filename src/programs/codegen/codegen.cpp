#include "dspy/programs/codegen.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "programs/codegen/codegen_types.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <map>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using namespace codegen;

/// The parts of a header in their required order.
struct Code {
  std::string before = {};           ///< Within the namespace.
  std::string specialisations = {};  ///< Outside of it.
  std::string behind = {};           ///< Within it again.
};

std::string includes_for(std::string_view code) {
  using Use = std::pair<std::string_view, std::string_view>;
  constexpr auto uses = std::to_array<Use>({{"std::array", "array"},
                                            {"std::to_array", "array"},
                                            {"std::chrono", "chrono"},
                                            {"std::int64_t", "cstdint"},
                                            {"std::map", "map"},
                                            {"std::optional", "optional"},
                                            {"std::string", "string"},
                                            {"std::tuple", "tuple"},
                                            {"std::variant", "variant"},
                                            {"std::monostate", "variant"},
                                            {"std::vector", "vector"}});
  std::string out;
  std::string_view last;
  for (const auto& [use, file] : uses) {
    if (file != last && code.contains(use)) {
      out += std::format("#include <{}>\n", file);
      last = file;
    }
  }
  return out.empty() ? out : out + "\n";
}

std::string header(const Code& code, const CodegenOptions& options) {
  std::string out = "// Made by `dspy codegen`";
  if (!options.source.empty()) {
    auto source = options.source;
    std::ranges::replace_if(source, [](char c) { return c == '\n' || c == '\r' || c == '\\'; }, '/');
    out += " from " + source;
  }
  out += "; make it again rather than change it.\n#pragma once\n\n#include \"dspy/dspy.hpp\"\n\n";
  out += includes_for(code.before + code.specialisations + code.behind);
  const auto within = [&](std::string_view text) {
    text = text::trim(text);
    if (text.empty()) return;
    if (options.name_space.empty()) {
      out.append(text).append("\n\n");
    } else {
      out += std::format("namespace {0} {{\n\n{1}\n\n}}  // namespace {0}\n\n", options.name_space, text);
    }
  };
  if (code.specialisations.empty()) {
    within(code.before + code.behind);
  } else {
    within(code.before);
    out += code.specialisations;
    within(code.behind);
  }
  out.pop_back();  // of two line ends
  return out;
}

using Parts = std::vector<std::string_view>;

Parts parts_of(std::string_view name_space) {
  Parts out;
  if (name_space.empty()) return out;
  for (auto rest = name_space;;) {
    const auto part = rest.substr(0, rest.find("::"));
    if (part.empty())
      throw Error(
          Errc::config_error,
          std::format("the namespace `{}` has a part without a name; write names with `::` between them", name_space));
    check_usable(part, "namespace");
    out.push_back(part);
    if (part.size() == rest.size()) return out;
    rest.remove_prefix(part.size() + 2);
  }
}

std::string qualified(const std::string& scope, const std::string& name) {
  return scope.empty() ? name : std::format("{}::{}", scope, name);
}

/// `struct Triage { … }`.  Types that it needs are nested in it if written by `own_types`.
std::string signature_struct(const std::string& name, const Signature& signature, TypeWriter& types, bool own_types) {
  const auto inputs = types.members(signature.inputs, "Input", true);
  const auto outputs = types.members(signature.outputs, "Output", true);
  std::string body;
  if (!signature.instructions.empty())
    body += std::format("static constexpr auto instructions = {};\n\n", literal_of(signature.instructions));
  if (own_types) body += types.take_definitions();
  body += block("struct Input", inputs.text + table(inputs.own_notes));
  body += block("struct Output", outputs.text + table(outputs.own_notes));
  auto entries = inputs.outer_notes;
  entries.insert(entries.end(), outputs.outer_notes.begin(), outputs.outer_notes.end());
  return comment(signature.instructions) + block("struct " + name, body + table(entries));
}

std::string lone_signature(const Signature& signature, const CodegenOptions& options, const std::string& remark = {}) {
  check_usable(options.name, "struct");
  parts_of(options.name_space);
  TypeWriter types(qualified(options.name_space, options.name), {options.name});
  types.avoid(signature.inputs);
  types.avoid(signature.outputs);
  auto body = signature_struct(options.name, signature, types, true);
  return header({.before = remark + body, .specialisations = types.specialisations()}, options);
}

/// Says what the file names and cannot hold.
std::string functions_comment(const SavedPredictor& saved) {
  if (!saved.functions || saved.functions->is_empty()) return {};
  std::vector<std::string> names;
  for (const auto& [field, name] : saved.functions->validators)
    names.push_back(field.empty() ? name : std::format("{} of {}", name, field));
  for (const auto& field : saved.functions->computed) names.push_back(field.name);
  return std::format(
      "// Saved with functions, which are in no file: {}.  Add them (`validators`, `computed`), or load\n"
      "// with `{{.accept_other_functions = true}}`.\n",
      text::enumerate(names, "`", "and"));
}

/// A predictor as C++ has it: a module, whose `ChainOfThought` adds the reasoning itself.
struct Module {
  std::vector<std::string> path = {};  ///< The members that lead to it.
  Signature signature = {};
  bool is_chain_of_thought = false;
  std::string comment = {};
};

Module module_of(const SavedPredictor& saved) {
  if (!saved.names_its_fields()) {
    throw Error(
        Errc::config_error,
        std::format("the predictor `{}` does not name its fields, as in files of Python DSPy; load the file into "
                    "a program with `dspy::load` and save it again",
                    saved.path));
  }
  Module out{.signature = saved.signature, .comment = functions_comment(saved)};
  std::string_view path = saved.path;
  if (path == "self") path = {};
  auto& outputs = out.signature.outputs;
  if ((path == "predict" || path.ends_with(".predict")) && outputs.size() > 1 && outputs[0].name == "reasoning" &&
      outputs[0].type == Type::string()) {
    outputs.erase(outputs.begin());
    path.remove_suffix(std::min(path.size(), std::string_view(".predict").size()));
    out.is_chain_of_thought = true;
  }
  while (!path.empty()) {
    const auto member = path.substr(0, path.find('.'));
    if (member.contains('[')) {
      throw Error(Errc::config_error,
                  std::format("the predictor `{}` is an item of a list or map, which codegen does not write; declare "
                              "the program by hand",
                              saved.path));
    }
    out.path.emplace_back(member);
    path.remove_prefix(std::min(member.size() + 1, path.size()));
  }
  return out;
}

/// A struct of the program: modules, and structs with more of them.
struct Piece {
  std::vector<std::string> members = {};          ///< Names, in order.
  std::map<std::string, std::string> types = {};  ///< Of those members that are modules.
  std::map<std::string, Piece> parts = {};        ///< Those that are structs.
};

/// Writes structs for a program's parts, the inner ones first.
class ProgramWriter {
 public:
  ProgramWriter(const std::string& name_space, const std::vector<std::string>& taken) : types_(name_space, taken) {}

  void avoid(const Module& module) {
    types_.avoid(module.signature.inputs);
    types_.avoid(module.signature.outputs);
  }

  void add(Piece& root, const Module& module) {
    auto* part = &root;
    for (std::size_t i = 0; i + 1 < module.path.size(); ++i) {
      const auto& name = module.path[i];
      if (!part->parts.contains(name)) part->members.push_back(name);
      part = &part->parts[name];
    }
    const auto& name = module.path.back();
    const auto type = types_.free_name(to_type_name(to_usable(name, "Module")));
    auto written = signature_struct(type, module.signature, types_, false);
    before_ += types_.take_definitions() + module.comment + written + "\n";
    part->members.push_back(name);
    part->types[name] = std::format("dspy::{}<{}>", module.is_chain_of_thought ? "ChainOfThought" : "Predict", type);
  }

  Code write(Piece& root, const std::string& name) {
    structs_ += part(root, name);
    return {.before = before_, .specialisations = types_.specialisations(), .behind = structs_};
  }

 private:
  std::string part(Piece& part, const std::string& name) {
    std::vector<Field> fields;
    for (const auto& member : part.members) fields.push_back({.name = member});
    const auto cpp_names = member_names(fields, name);
    std::string body;
    std::vector<std::string> notes;
    for (std::size_t i = 0; i < cpp_names.size(); ++i) {
      const auto& member = part.members[i];
      auto& type = part.types[member];
      if (type.empty()) {
        type = types_.free_name(to_type_name(to_usable(member, "Module")) + "Part");
        structs_ += this->part(part.parts[member], type) + "\n";
      }
      body += std::format("{} {};\n", type, cpp_names[i]);
      if (cpp_names[i] != member)
        notes.push_back(std::format("dspy::field<&{}::{}>(dspy::named({}))", name, cpp_names[i], literal_of(member)));
    }
    return block("struct " + name, body + table(notes));
  }

  TypeWriter types_;
  std::string before_;
  std::string structs_;
};

}  // namespace

std::string to_cpp(const Signature& signature, const CodegenOptions& options) {
  validate(signature);
  return lone_signature(signature, options);
}

std::string to_cpp(const ProgramFile& program, const CodegenOptions& options) {
  check_usable(options.name, "struct");
  parts_of(options.name_space);
  std::vector<Module> modules;
  for (const auto& saved : program.predictors) modules.push_back(module_of(saved));
  if (modules.size() == 1 && modules[0].path.empty())
    return lone_signature(modules[0].signature, options, modules[0].comment);
  std::vector<std::string> taken = {options.name};
  for (const auto& module : modules) taken.insert(taken.end(), module.path.begin(), module.path.end());
  ProgramWriter writer(options.name_space, taken);
  for (const auto& module : modules) writer.avoid(module);
  Piece root;
  for (const auto& module : modules) writer.add(root, module);
  return header(writer.write(root, options.name), options);
}

std::string to_cpp(const Type& object, const CodegenOptions& options) {
  if (object.kind != Type::Kind::object) {
    throw Error(Errc::config_error,
                std::format("codegen makes a struct of an object with members, not of `{}`; put the "
                            "value into a member",
                            annotation_name(object)));
  }
  validate(object);
  check_usable(options.name, "struct");
  parts_of(options.name_space);
  TypeWriter types(qualified(options.name_space, options.name), {options.name});
  types.avoid(*object.members);
  auto text = types.structure(object, options.name, true);
  return header({.before = std::move(text), .specialisations = types.specialisations()}, options);
}

}  // namespace dspy
