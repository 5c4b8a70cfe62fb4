#include "command.hpp"
#include "dspy/base/file.hpp"
#include "dspy/llama/chat_template.hpp"
#include "dspy/llama/model_info.hpp"

#include <array>
#include <filesystem>
#include <format>
#include <fstream>

namespace dspy::app {
namespace {

struct InspectFlags {
  std::string target;
  bool json = false;
};

JsonObject describe_field(const Field& field) {
  JsonObject out{{"name", field.name}, {"type", to_notation(field.type)}, {"label", field.label}};
  if (!field.description.empty()) out["description"] = field.description;
  out["required"] = field.is_required();
  return out;
}

JsonObject describe_signature(const Signature& signature) {
  JsonArray inputs;
  JsonArray outputs;
  for (const auto& field : signature.inputs) inputs.push_back(describe_field(field));
  for (const auto& field : signature.outputs) outputs.push_back(describe_field(field));
  return {{"kind", "signature"},
          {"signature", to_notation(signature)},
          {"instructions", signature.instructions},
          {"inputs", std::move(inputs)},
          {"outputs", std::move(outputs)}};
}

void print_fields(std::string_view title, const std::vector<Field>& fields) {
  print_line(title);
  for (const auto& field : fields) {
    print_line(std::format("  {:<20} {}{}", field.name, to_notation(field.type),
                           field.description.empty() ? "" : "  " + field.description));
  }
}

void print_signature(const Signature& signature) {
  print_line("signature     " + to_notation(signature));
  if (!signature.instructions.empty()) print_line("instructions  " + signature.instructions);
  print_fields("inputs", signature.inputs);
  print_fields("outputs", signature.outputs);
}

int inspect_signature(const InspectFlags& flags, std::string_view notation) {
  const auto signature = Signature::parse(notation);
  if (flags.json) {
    print_json(describe_signature(signature));
  } else {
    print_signature(signature);
  }
  return exit_ok;
}

std::string_view describe(ProgramFile::Integrity integrity) {
  switch (integrity) {
    case ProgramFile::Integrity::unchecked: return "unchecked";
    case ProgramFile::Integrity::verified: return "verified";
    case ProgramFile::Integrity::changed: return "changed";
  }
  return "unknown";
}

JsonObject describe_predictor(const SavedPredictor& saved) {
  JsonObject out{{"path", saved.path}};
  if (saved.names_its_fields()) {
    const auto signature = describe_signature(saved.signature);
    for (const auto* name : {"signature", "instructions", "inputs", "outputs"}) out[name] = signature.at(name);
  } else {
    JsonArray prefixes;
    for (const auto& field : saved.fields) prefixes.push_back(Json(field.prefix));
    out["instructions"] = saved.signature.instructions;
    out["prefixes"] = std::move(prefixes);
  }
  out["demos"] = saved.demos.size();
  if (!saved.adapter.empty()) out["adapter"] = saved.adapter;
  if (!saved.lm.empty()) out["lm"] = saved.lm;
  if (const auto functions = ProgramFlags::functions_of(saved); !functions.empty()) out["functions"] = functions;
  return out;
}

void print_predictor(const SavedPredictor& saved) {
  print_line("");
  print_line(std::format("predictor     {}, {} demonstration{}", saved.path, saved.demos.size(),
                         saved.demos.size() == 1 ? "" : "s"));
  if (!saved.adapter.empty()) print_line("adapter       " + saved.adapter);
  if (!saved.lm.empty()) print_line("asked         " + saved.lm);
  if (const auto functions = ProgramFlags::functions_of(saved); !functions.empty())
    print_line("functions     " + functions);
  if (saved.names_its_fields()) {
    print_signature(saved.signature);
    return;
  }
  if (!saved.signature.instructions.empty()) print_line("instructions  " + saved.signature.instructions);
  print_line("fields (by position; the file does not name them)");
  for (const auto& field : saved.fields) print_line(std::format("  {:<20} {}", field.prefix, field.description));
}

int inspect_program(const InspectFlags& flags) {
  const auto file = load_program(flags.target, {.accept_changed = true});
  if (flags.json) {
    JsonArray predictors;
    for (const auto& saved : file.predictors) predictors.push_back(describe_predictor(saved));
    JsonArray scores;
    for (const auto& score : file.scores)
      scores.push_back(JsonObject{{"metric", score.metric}, {"value", score.value}});
    print_json({{"kind", "program"},
                {"library", file.library},
                {"integrity", describe(file.integrity)},
                {"optimizer", file.optimizer},
                {"scores", std::move(scores)},
                {"predictors", std::move(predictors)}});
    return exit_ok;
  }
  print_line("program       " + (file.library.empty() ? "of Python DSPy" : "of dspy " + file.library) + ", content " +
             std::string(describe(file.integrity)));
  if (!file.optimizer.empty()) print_line("optimizer     " + to_text(file.optimizer));
  for (const auto& score : file.scores) print_line(std::format("score         {} {}", score.metric, score.value));
  for (const auto& saved : file.predictors) print_predictor(saved);
  return exit_ok;
}

std::string describe_template(const llama::ModelInfo& info) {
  const auto format = llama::ChatTemplate::recognise(
      info.chat_template, {.is_token = [](std::string_view) { return false; }, .bos = "", .eos = ""});
  if (format.recognised() && !format.problem().empty())
    return std::format("of the family `{}`, whose format is used, since it cannot be run: {}", info.chat_format,
                       format.problem());
  if (info.chat_format == "jinja") return "yes, of no known family";
  if (info.knows_chat_template) return std::format("yes, of the family `{}`", info.chat_format);
  const bool is_embedder = info.metadata.contains(info.architecture + ".pooling_type");
  if (info.chat_template.empty() && is_embedder) return "none";
  return std::format("{}; prompts are written as `{}`", info.chat_template.empty() ? "none" : "of no known family",
                     info.chat_format);
}

int inspect_weights(const InspectFlags& flags) {
  const auto info = llama::inspect_model(flags.target);
  if (flags.json) {
    auto out = llama::to_json(info);
    out["kind"] = "model";
    print_json(out);
    return exit_ok;
  }
  print_line(std::format("model         {}", info.name));
  print_line(
      std::format("architecture  {}, {} layers, width {}", info.architecture, info.layers, info.embedding_length));
  print_line(std::format("parameters    {:.1f} million", static_cast<double>(info.parameters) / 1e6));
  print_line(
      std::format("weights       {} ({:.1f} MB)", info.quantization, static_cast<double>(info.file_bytes) / 1e6));
  print_line(std::format("context       {} tokens", info.context_length));
  print_line(std::format("vocabulary    {} tokens, {}", info.vocabulary, info.tokenizer));
  print_line(std::format("chat template {}", describe_template(info)));
  return exit_ok;
}

/// True for a file that begins as GGUF files do, whatever it is called.
bool is_model(const std::string& path) {
  std::array<char, 4> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return path.ends_with(".gguf") || std::string_view(begin.data(), begin.size()) == "GGUF";
}

int run_inspect(const InspectFlags& flags) {
  constexpr std::uintmax_t longest = 1 << 20;  // of a text with a signature
  std::error_code code;
  const bool is_file = std::filesystem::exists(flags.target, code);
  if (!is_file && flags.target.contains("->")) return inspect_signature(flags, flags.target);
  if (is_model(flags.target)) return inspect_weights(flags);
  if (flags.target.ends_with(".json")) return inspect_program(flags);
  const auto text = read_text(flags.target, longest);
  if (text.starts_with('{')) return inspect_program(flags);
  return inspect_signature(flags, text);
}

}  // namespace

void add_inspect(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<InspectFlags>();
  auto* command = app.add_subcommand("inspect", "Show what is inside a signature, a program or a model");
  command
      ->add_option("target", flags->target, "A .json program, a .gguf model, a file with a signature, or a signature")
      ->required();
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->footer("Examples:\n  dspy inspect models/dspy-tiny.gguf\n  dspy inspect \"question -> answer: float\"");
  command->callback([flags, &plan] { plan = [flags] { return run_inspect(*flags); }; });
}

}  // namespace dspy::app
