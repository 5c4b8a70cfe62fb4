#include "command.hpp"
#include "dspy/base/text.hpp"
#include "dspy/config/config.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#ifdef DSPY_WITH_PROVIDERS
#include "dspy/providers/dialect.hpp"
#endif
#include "dspy/schemes.hpp"  // IWYU pragma: keep: including it is what offers `llama:` and the providers

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace dspy::app {
namespace {

template <class T>
CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<T>& target, const std::string& help) {
  return command.add_option(name, target, help)->group("Model");
}

[[noreturn]] void reject(const std::string& member, const std::string& reason) {
  ErrorInfo info;
  info.invalid = {member};
  throw Error(Errc::bad_input, "`" + member + "` " + reason, std::move(info));
}

std::string text_member(const JsonObject& line, const std::string& name, std::string fallback = {}) {
  const auto* value = line.if_contains(name);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_string()) reject(name, "must be text, not " + to_text(*value));
  return std::string(view(value->get_string()));
}

std::vector<Example> examples_member(const JsonObject& line, const std::string& name, const Signature& signature) {
  std::vector<Example> out;
  const auto* value = line.if_contains(name);
  if (value == nullptr || value->is_null()) return out;
  if (!value->is_array()) reject(name, "must be a list of objects");
  for (const auto& item : value->get_array()) {
    if (!item.is_object()) reject(name, "must hold objects only, not " + to_text(item));
    out.emplace_back(item.get_object(), signature);
  }
  return out;
}

}  // namespace

int exit_code_of(const Error& error) {
  switch (error.code()) {
    case Errc::signature_error:
    case Errc::bad_input:
    case Errc::invalid_parameter:
    case Errc::config_error: return exit_usage;
    default: return exit_failed;
  }
}

void ModelFlags::add_to(CLI::App& command) {
  command
      .add_option("-m,--model", model,
                  "The model: a name in dspy.toml, a GGUF file, a local model's name, a provider's model such as "
                  "openai/gpt-5.4-mini, or a URI such as llama:PATH?threads=2 [$DSPY_MODEL, else dspy.toml's default, "
                  "else the embedded model]")
      ->group("Model");
  add_number(command, "--temperature", sampling.temperature, "Sampling temperature; 0 is greedy");
  add_number(command, "--top-p", sampling.top_p,
             "Sample from the most likely tokens that together have this probability");
  add_number(command, "--top-k", sampling.top_k, "Sample from this many of the most likely tokens; 0: all");
  add_number(command, "--max-tokens", sampling.max_tokens, "End the reply after this many tokens");
  add_number(command, "--seed", sampling.seed, "The same seed gives the same text");
  command.add_option("--stop", sampling.stop, "End the reply before this text (may be repeated)")->group("Model");
}

std::string embedded_model() {
  namespace fs = std::filesystem;
  std::error_code code;
  std::vector<fs::path> places = {"models/dspy-tiny.gguf"};
  if (const auto self = fs::read_symlink("/proc/self/exe", code); !code) {
    places.push_back(self.parent_path() / "../../../models/dspy-tiny.gguf");
    places.push_back(self.parent_path() / "../share/dspy/models/dspy-tiny.gguf");
  }
  for (const auto& place : places) {
    if (fs::exists(place, code)) return place.lexically_normal().string();
  }
  return {};
}

std::string model_uri(const std::string& model) {
  const auto slash = model.find('/');
  const auto colon = model.find(':');
  if (colon != std::string::npos && slash > colon) return model;
#ifdef DSPY_WITH_PROVIDERS
  // `provider/model`, unless it is the path of a file.
  const auto query = std::min(model.find('?'), model.size());
  std::error_code code;
  const bool is_path =
      std::string_view(model).substr(0, query).ends_with(".gguf") || std::filesystem::exists(model, code);
  if (slash != std::string::npos && slash < query && !is_path) {
    const auto word = model.substr(0, slash);
    std::vector<std::string> words;
    for (const auto& each : dialect_words()) words.emplace_back(each.word);
    if (find_dialect(word) != nullptr || text::nearest(word, words)) return model;  // `lm` says what was meant
  }
#endif
  return "llama:" + model;
}

std::shared_ptr<LM> ModelFlags::make() const {
  validate(sampling);
  auto chosen = model;
  if (chosen.empty()) {
    if (const char* from_environment = std::getenv("DSPY_MODEL")) chosen = from_environment;
  }
  return make_lm(std::move(chosen));
}

std::shared_ptr<LM> make_lm(std::string name) {
  const auto config = Config::load();
  if (name.empty()) name = config.default_lm();
  if (!name.empty() && config.lms().contains(name)) return config.lm(name);
  if (name.empty()) name = embedded_model();
  if (name.empty()) {
    throw Error(
        Errc::config_error,
        "no model was named, and the small one that comes with dspy (share/dspy/models/dspy-tiny.gguf beside the "
        "program's folder) was not found; give --model FILE.gguf, set DSPY_MODEL, or name a `default` in dspy.toml");
  }
  return lm(model_uri(name));
}

void SignatureFlags::add_to(CLI::App& command) {
  command.add_option("-s,--signature", notation, "The inputs and outputs: \"a, b: int -> c: float\"")
      ->capture_default_str()
      ->group("Signature");
  command.add_option("-i,--instructions", instructions, "What the model is to do")->group("Signature");
  command
      .add_option("--adapter", adapter,
                  "The adapter, which writes the prompt and reads the reply: field, chat, json, xml or two_step")
      ->capture_default_str()
      ->group("Signature");
  command.add_flag("--cot", chain_of_thought, "Let the model reason before it answers")->group("Signature");
}

Signature SignatureFlags::make() const {
  auto signature = Signature::parse(notation, instructions);
  return chain_of_thought ? with_reasoning(signature) : signature;
}

void PolicyFlags::add_to(CLI::App& command) {
  constexpr auto group = "Replies that cannot be read or break a limit";
  command
      .add_option("--rewrite", rewrite,
                  "Let a local model rewrite a wrong value, keeping the text before it, at most this many times")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--ask-again", ask_again,
                  "Ask again, showing the model its reply and what is wrong with it, at most this many times; 0: "
                  "never. Not after part of the reply was streamed")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--fallback", fallback,
                  "Then ask once more with another adapter: field, chat, json, xml or two_step [none]")
      ->group(group);
  command
      .add_option("--finally", finally,
                  "Then fail, or accept what could be read, including values that only break a limit, each with a flag")
      ->capture_default_str()
      ->check(CLI::IsMember({"fail", "accept"}))
      ->group(group);
}

CallPolicy PolicyFlags::make() const {
  CallPolicy policy{.rewrite = rewrite,
                    .ask_again = ask_again,
                    .fallback = fallback.empty() ? nullptr : adapter(fallback),
                    .finally = finally == "accept" ? CallPolicy::Finally::accept : CallPolicy::Finally::fail};
  validate(policy);
  return policy;
}

void ProgramFlags::add_to(CLI::App& command) {
  command
      .add_option("-s,--signature", signature, "The signature, for files of Python DSPy that do not name their fields")
      ->group("Program");
  command.add_option("--predictor", predictor, "Which predictor, of a file with several (`dspy inspect` lists them)")
      ->group("Program");
  command.add_flag("--accept-changed", accept_changed, "Accept a file that was edited after it was saved")
      ->group("Program");
}

ProgramFile ProgramFlags::load() const {
  return load_program(path, {.accept_changed = accept_changed});
}

std::string ProgramFlags::functions_of(const SavedPredictor& saved) {
  std::vector<std::string> names;
  if (saved.functions) {
    for (const auto& [field, name] : saved.functions->validators)
      names.push_back(std::format("the validator `{}`{}", name, field.empty() ? "" : std::format(" of `{}`", field)));
    for (const auto& field : saved.functions->computed)
      names.push_back(std::format("the computed field `{}`", field.name));
  }
  return names.empty() ? std::string() : text::enumerate(names, "", "and");
}

const SavedPredictor& ProgramFlags::choose(const ProgramFile& file) const {
  if (predictor.empty() && file.predictors.size() == 1) return file.predictors[0];
  if (const auto* found = file.find(predictor)) return *found;
  std::vector<std::string> paths;
  for (const auto& each : file.predictors) paths.push_back(each.path);
  throw Error(Errc::bad_input,
              "`" + path + "` holds the predictors " + text::enumerate(paths, "`", "and") +
                  (predictor.empty() ? "; choose one with --predictor" : ", and none named `" + predictor + "`"));
}

Predictor ProgramFlags::make(const SavedPredictor& saved, PredictorOptions options) const {
  return to_predictor(saved, std::move(options),
                      signature.empty() ? std::optional<Signature>() : Signature::parse(signature));
}

Json typed_value(const Field& field, const std::string& text) {
  const auto kind = field.type.required().kind;
  if (kind == Type::Kind::string) return Json(text);
  if (auto json = parse_json(text)) return *std::move(json);
  if (kind == Type::Kind::literal || fit(field.type, Json(text))) return Json(text);  // a choice, a date, …
  reject(field.name,
         "has the type `" + to_notation(field.type) + "`, and `" + text + "` does not fit it; write it as JSON");
}

JsonObject read_inputs(const Signature& signature, const std::vector<std::string>& arguments) {
  JsonObject out;
  for (const auto& argument : arguments) {
    if (argument.starts_with('{')) {
      auto json = parse_json(argument);
      if (!json || !json->is_object()) {
        throw Error(
            Errc::bad_input,
            "--input `" + argument + "` is not a JSON object" +
                (json ? "" : ": " + json.error().message + " at byte " + std::to_string(json.error().position)));
      }
      for (auto& member : json->get_object()) out[member.key()] = std::move(member.value());
      continue;
    }
    const auto equals = argument.find('=');
    if (equals == std::string::npos) {
      throw Error(Errc::bad_input, "--input `" + argument + "` is neither name=value nor a JSON object");
    }
    const auto name = argument.substr(0, equals);
    const auto value = argument.substr(equals + 1);
    const auto* field = signature.find(name);
    out[name] = field == nullptr ? Json(value) : typed_value(*field, value);
  }
  return out;
}

Job read_job(const JsonObject& line) {
  if (!line.contains("signature")) {
    ErrorInfo info;
    info.missing = {"signature"};
    throw Error(Errc::bad_input, "the line has no `signature`; add one such as \"question -> answer\"",
                std::move(info));
  }
  Job job;
  job.signature = Signature::parse(text_member(line, "signature"), text_member(line, "instructions"));
  const auto module = text_member(line, "module", "Predict");
  if (module == "ChainOfThought") {
    job.signature = with_reasoning(job.signature);
  } else if (module != "Predict") {
    reject("module", "must be Predict or ChainOfThought, not " + module);
  }
  job.adapter = adapter(text_member(line, "adapter", "field"));
  job.demos = examples_member(line, "demos", job.signature);
  job.history.turns = examples_member(line, "history", job.signature);
  job.completion = text_member(line, "completion");
  if (const auto* inputs = line.if_contains("inputs"); inputs != nullptr) {
    if (!inputs->is_object()) reject("inputs", "must be an object, not " + to_text(*inputs));
    job.inputs = inputs->get_object();
  }
  return job;
}

std::vector<Example> read_examples(const std::string& path, const Signature& signature) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Errc::io_error, "cannot read the demonstrations `" + path + "`; check the path");
  std::vector<Example> out;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const auto text = number == 1 ? text::without_byte_order_mark(line) : std::string_view(line);
    if (text::trim(text).empty()) continue;
    const auto json = parse_json(text);
    if (!json || !json->is_object()) {
      throw Error(Errc::bad_input,
                  path + ", line " + std::to_string(number) + ": not a JSON object; write one per line");
    }
    out.emplace_back(json->get_object(), signature);
  }
  return out;
}

std::istream& standard_input() {
  struct stat what = {};
  if (::fstat(STDIN_FILENO, &what) != 0)
    throw Error(Errc::io_error, "standard input is closed; redirect a file or a pipe to it");
  if (S_ISDIR(what.st_mode)) throw Error(Errc::io_error, "standard input is a folder; redirect a file or a pipe to it");
  return std::cin;
}

std::string read_all(std::istream& in) {
  std::ostringstream out;
  if (in.peek() != std::istream::traits_type::eof()) out << in.rdbuf();
  if (in.bad()) throw Error(Errc::io_error, "cannot read all of standard input; try again");
  const auto text = std::move(out).str();
  return std::string(text::without_byte_order_mark(text));
}

JsonArray to_json(const std::vector<Flag>& flags) {
  JsonArray out;
  for (const auto& flag : flags) out.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
  return out;
}

JsonObject to_json(const Chat& messages) {
  JsonArray out;
  for (const auto& message : messages) {
    out.push_back(dspy::to_json(message));
  }
  return {{"messages", std::move(out)}};
}

JsonObject to_json(const Prediction& prediction) {
  JsonObject out{{"outputs", prediction.data},
                 {"usage", dspy::to_json(prediction.lm_usage)},
                 {"flags", to_json(prediction.flags)}};
  if (!prediction.unenforced.empty())
    out["unenforced"] = JsonArray(prediction.unenforced.begin(), prediction.unenforced.end());
  if (!prediction.violations.empty()) out["violations"] = dspy::to_json(prediction.violations);
  if (prediction.failures.empty()) return out;
  JsonArray failures;
  for (const auto& [name, completion, reason, violations] : prediction.failures) {
    failures.push_back(JsonObject{
        {"adapter", name}, {"completion", completion}, {"reason", reason}, {"violations", dspy::to_json(violations)}});
  }
  out["failures"] = std::move(failures);
  return out;
}

JsonObject error_object(const Error& error) {
  return {{"error", dspy::to_json(error)}};
}

std::string for_terminal(std::string_view text) {
  static const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (!is_terminal || code >= 0x80 || (code >= 0x20 && code != 0x7F) || c == '\n' || c == '\t')
      out += c;
    else
      out.append("\xE2\x90").append(1, static_cast<char>(code == 0x7F ? 0xA1 : 0x80 + code));  // U+2400: its picture
  }
  return out;
}

void print_line(std::string_view text) {
  std::cout << for_terminal(text) << '\n';
}

void print_json(const JsonObject& object) {
  print_line(to_text(object));
}

std::string shown(const Json& value) {
  if (value.is_string()) return std::string(view(value.get_string()));
  return value.is_null() ? "none" : to_text(value);
}

void tell_what_was_not_held(const std::vector<std::string>& unenforced) {
  std::cout.flush();
  for (const auto& part : unenforced) std::cerr << "dspy: not constrained to its type: " << part << '\n';
}

void tell_what_was_accepted(const Prediction& prediction) {
  tell_what_was_not_held(prediction.unenforced);
  if (prediction.violations.empty()) return;
  std::cout.flush();
  std::cerr << "dspy: accepted although " << to_sentence(prediction.violations, "the output") << '\n';
}

void print_outputs(const Signature& signature, const Prediction& prediction, bool bare) {
  for (const auto& field : signature.outputs) {
    const auto* const value = prediction.get(field.name);
    if (value == nullptr) continue;  // accepted without it
    print_line(bare && signature.outputs.size() == 1 ? shown(*value) : field.label + ": " + shown(*value));
  }
  tell_what_was_accepted(prediction);
}

}  // namespace dspy::app
