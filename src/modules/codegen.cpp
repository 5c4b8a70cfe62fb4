#include "dspy/modules/codegen.hpp"

#include "dspy/base/text.hpp"
#include "modules/codegen_types.hpp"

#include <algorithm>
#include <format>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using namespace codegen;

std::string indented(const std::vector<std::string>& lines, std::string_view indent) {
  std::string out;
  for (const auto& line : lines) out.append(indent).append(line).append("\n");
  return out;
}

std::string table(const std::vector<std::string>& entries) {
  if (entries.empty()) return {};
  std::string out = "\n  static constexpr auto fields = dspy::describe(\n";
  for (std::size_t i = 0; i < entries.size(); ++i)
    out += std::format("      {}{}\n", entries[i], i + 1 == entries.size() ? ");" : ",");
  return out;
}

std::string signature_struct(const std::string& name, const Signature& signature) {
  check_identifier(name, "struct");
  Members inputs("Input");
  Members outputs("Output");
  for (const auto& field : signature.inputs) inputs.add(field);
  for (const auto& field : signature.outputs) outputs.add(field);

  auto out = comment(signature.instructions, "") + std::format("struct {} {{\n", name);
  if (!signature.instructions.empty())
    out += std::format("  static constexpr auto instructions = {};\n\n", literal_of(signature.instructions));
  for (const auto* side : {&inputs, &outputs}) {
    if (!side->enumerations().empty()) out += indented({std::string(text::trim(side->enumerations()))}, "  ") + "\n";
  }
  out += "  struct Input {\n" + indented(inputs.lines(), "    ") + "  };\n";
  out += "  struct Output {\n" + indented(outputs.lines(), "    ") + "  };\n";
  auto entries = inputs.notes();
  entries.insert(entries.end(), outputs.notes().begin(), outputs.notes().end());
  return out + table(entries) + "};\n";
}

std::string header(const std::string& body, const CodegenOptions& options) {
  std::string out = "// Made by `dspy codegen`";
  if (!options.source.empty()) {
    auto source = options.source;
    std::ranges::replace_if(source, [](char c) { return c == '\n' || c == '\r' || c == '\\'; }, '/');
    out += " from " + source;
  }
  out +=
      "; make it again rather than change it.\n#pragma once\n\n#include \"dspy/dspy.hpp\"\n\n"
      "#include <cstdint>\n#include <map>\n#include <optional>\n#include <string>\n#include <vector>\n\n";
  if (options.name_space.empty()) return out + body;
  for (std::string_view rest = options.name_space; !rest.empty();) {
    const auto part = rest.substr(0, rest.find("::"));
    check_identifier(part, "namespace");
    rest.remove_prefix(std::min(part.size() + 2, rest.size()));
  }
  return out + std::format("namespace {0} {{\n\n{1}\n}}  // namespace {0}\n", options.name_space, body);
}

/// A predictor as C++ has it: a module, whose `ChainOfThought` adds the reasoning itself.
struct Module {
  std::vector<std::string> path = {};  ///< The members that lead to it.
  Signature signature = {};
  bool is_chain_of_thought = false;
};

Module module_of(const SavedPredictor& saved) {
  if (!saved.names_its_fields()) {
    throw Error(
        Errc::config_error,
        std::format("the predictor `{}` does not name its fields, as in files of Python DSPy; load the file into "
                    "a program with `dspy::load` and save it again",
                    saved.path));
  }
  Module out{.signature = saved.signature};
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
    check_identifier(member, "predictor");
    out.path.emplace_back(member);
    path.remove_prefix(std::min(member.size() + 1, path.size()));
  }
  return out;
}

/// A struct of the program: modules, and structs with more of them.
struct Part {
  std::vector<std::pair<std::string, std::string>> members = {};  ///< Types and names, in order.
  std::map<std::string, Part> parts = {};
};

/// Writes structs for a program's parts, the inner ones first.
class ProgramWriter {
 public:
  explicit ProgramWriter(const std::string& name) { names_.insert(name); }

  void add(Part& root, const Module& module) {
    auto* part = &root;
    for (std::size_t i = 0; i + 1 < module.path.size(); ++i) {
      const auto& name = module.path[i];
      if (!part->parts.contains(name)) part->members.emplace_back("", name);  // its type is known once it is written
      part = &part->parts[name];
    }
    const auto type = free_name(to_type_name(module.path.back()));
    signatures_ += signature_struct(type, module.signature) + "\n";
    part->members.emplace_back(
        std::format("dspy::{}<{}>", module.is_chain_of_thought ? "ChainOfThought" : "Predict", type),
        module.path.back());
  }

  std::string write(Part& root, const std::string& name) {
    structs_ += part(root, name);
    return signatures_ + structs_;
  }

 private:
  std::string part(Part& part, const std::string& name) {
    for (auto& [type, member] : part.members) {
      if (!type.empty()) continue;
      type = free_name(to_type_name(member) + "Part");
      structs_ += this->part(part.parts[member], type) + "\n";
    }
    auto out = std::format("struct {} {{\n", name);
    for (const auto& [type, member] : part.members) out += std::format("  {} {};\n", type, member);
    return out + "};\n";
  }

  std::string free_name(const std::string& base) {
    auto name = base;
    for (int i = 2; !names_.insert(name).second; ++i) name = std::format("{}{}", base, i);
    return name;
  }

  std::set<std::string> names_;
  std::string signatures_;
  std::string structs_;
};

}  // namespace

std::string to_cpp(const Signature& signature, const CodegenOptions& options) {
  validate(signature);
  return header(signature_struct(options.name, signature), options);
}

std::string to_cpp(const ProgramFile& program, const CodegenOptions& options) {
  check_identifier(options.name, "struct");
  std::vector<Module> modules;
  for (const auto& saved : program.predictors) modules.push_back(module_of(saved));
  if (modules.size() == 1 && modules[0].path.empty())
    return header(signature_struct(options.name, modules[0].signature), options);
  Part root;
  ProgramWriter writer(options.name);
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
  check_identifier(options.name, "struct");
  Members members(options.name);
  for (const auto& member : *object.members) members.add(member);
  auto out = std::format("struct {} {{\n", options.name);
  if (!members.enumerations().empty()) out += indented({std::string(text::trim(members.enumerations()))}, "  ") + "\n";
  auto lines = members.lines();
  if (!object.arguments.empty()) lines.emplace_back("// Other members of a value are not kept.");
  return header(out + indented(lines, "  ") + table(members.notes()) + "};\n", options);
}

}  // namespace dspy
