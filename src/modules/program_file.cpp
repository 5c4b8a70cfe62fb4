#include "dspy/modules/program_file.hpp"

#include "dspy/base/error.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

namespace dspy {
namespace {

constexpr std::int64_t format_version = 1;

std::string read_file(const std::filesystem::path& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) {
    throw Error(Errc::io_error,
                "cannot read the program `" + path.string() + "`: it is a directory; name a .json file");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw Error(Errc::io_error,
                "cannot read the program `" + path.string() + "`: " + std::strerror(errno) + "; check the path");
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

[[noreturn]] void reject(const std::filesystem::path& path, const std::string& reason) {
  throw Error(Errc::config_error, "`" + path.string() + "` is not a program this library can load: " + reason);
}

/// The member of that name and kind, or null; a member of another kind is an error.
template <class T>
const T* member(const std::filesystem::path& path, const JsonObject& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return nullptr;
  if constexpr (std::is_same_v<T, JsonObject>) {
    if (const auto* found = value->if_object()) return found;
  } else if constexpr (std::is_same_v<T, JsonArray>) {
    if (const auto* found = value->if_array()) return found;
  } else {
    if (const auto* found = value->if_string()) return found;
  }
  reject(path, "`" + std::string(name) + "` has the wrong kind of value");
}

std::string text_or(const JsonString* text, std::string fallback = {}) {
  return text == nullptr ? std::move(fallback) : std::string(view(*text));
}

/// DSPy writes `${name}` where a field has no description.
std::string description_of(std::string_view written, const std::string& name) {
  return written == "${" + name + "}" ? std::string() : std::string(written);
}

template <class F>
void for_each_field(Signature& signature, F&& visit) {
  for (auto& field : signature.inputs) visit(field);
  for (auto& field : signature.outputs) visit(field);
}

// DSPy's own part of a field, by position.
void read_state_fields(const std::filesystem::path& path, const JsonArray& fields, Signature& signature) {
  const auto count = signature.inputs.size() + signature.outputs.size();
  if (fields.size() != count) {
    reject(path, "it holds " + std::to_string(fields.size()) + " fields where the signature has " +
                     std::to_string(count) + "; give the signature it was saved with");
  }
  std::size_t index = 0;
  for_each_field(signature, [&](Field& field) {
    if (const auto* state = fields[index++].if_object()) {
      if (const auto* text = member<JsonString>(path, *state, "description")) {
        field.description = description_of(view(*text), field.name);
      }
    }
  });
}

// What DSPy has no place for: labels, limits, defaults.
JsonObject limits_of(const Field& field) {
  JsonObject out;
  if (field.label != make_field(field.name).label) out["label"] = field.label;
  if (field.minimum) out["minimum"] = *field.minimum;
  if (field.maximum) out["maximum"] = *field.maximum;
  if (field.min_length) out["min_length"] = *field.min_length;
  if (field.max_length) out["max_length"] = *field.max_length;
  if (field.default_value) out["default"] = *field.default_value;
  return out;
}

std::optional<double> number_in(const std::filesystem::path& path, const JsonObject& limits, std::string_view name) {
  const auto* value = limits.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) reject(path, "`" + std::string(name) + "` is not a number");
  return value->to_number<double>();
}

std::optional<std::size_t> count_in(const std::filesystem::path& path, const JsonObject& limits,
                                    std::string_view name) {
  const auto number = number_in(path, limits, name);
  if (!number) return std::nullopt;
  if (*number < 0 || *number > 1e15) reject(path, "`" + std::string(name) + "` is out of range");
  return static_cast<std::size_t>(*number);
}

void read_limits(const std::filesystem::path& path, const JsonObject& limits, Field& field) {
  field.label = text_or(member<JsonString>(path, limits, "label"), field.label);
  field.minimum = number_in(path, limits, "minimum");
  field.maximum = number_in(path, limits, "maximum");
  field.min_length = count_in(path, limits, "min_length");
  field.max_length = count_in(path, limits, "max_length");
  if (const auto* value = limits.if_contains("default")) field.default_value = *value;
}

Signature read_signature(const std::filesystem::path& path, const JsonObject& state, const JsonObject* extra,
                         const std::optional<Signature>& given) {
  Signature signature;
  if (given) {
    signature = *given;
  } else if (const auto* notation = extra ? member<JsonString>(path, *extra, "signature") : nullptr) {
    signature = Signature::parse(view(*notation));
  } else {
    reject(path,
           "it does not name its fields, as files that Python DSPy wrote never do; give the signature, "
           "such as --signature \"question -> answer\"");
  }
  const auto* saved = member<JsonObject>(path, state, "signature");
  if (saved == nullptr) reject(path, "the predictor has no `signature`");
  signature.instructions = text_or(member<JsonString>(path, *saved, "instructions"));
  if (const auto* fields = member<JsonArray>(path, *saved, "fields")) read_state_fields(path, *fields, signature);
  if (const auto* limits = extra ? member<JsonObject>(path, *extra, "fields") : nullptr) {
    for_each_field(signature, [&](Field& field) {
      if (const auto* own = member<JsonObject>(path, *limits, field.name)) read_limits(path, *own, field);
    });
  }
  return signature;
}

}  // namespace

ProgramFile load_program(const std::filesystem::path& path, const std::optional<Signature>& signature) {
  const auto json = parse_json(read_file(path));
  if (!json) {
    reject(path, "at byte " + std::to_string(json.error().position) + ": " + json.error().message);
  }
  const auto* root = json->if_object();
  if (root == nullptr) reject(path, "it holds no JSON object");
  const auto* extra = member<JsonObject>(path, *root, "dspy_cpp");
  if (const auto* version = extra ? extra->if_contains("version") : nullptr) {
    if (!version->is_int64() || version->get_int64() > format_version || version->get_int64() < 1) {
      reject(path, "its format version is " + to_text(*version) + ", and this library reads " +
                       std::to_string(format_version) + "; use a newer dspy");
    }
  }

  // A lone `Predict` is the state itself; `ChainOfThought` keeps it under `predict`.
  const auto* inner = member<JsonObject>(path, *root, "predict");
  const auto& state = inner != nullptr ? *inner : *root;
  if (!state.contains("signature")) {
    reject(path,
           "it has no predictor at its top or under `predict`; programs of several predictors are loaded "
           "into the struct that declares them");
  }
  ProgramFile program;
  program.module = text_or(extra ? member<JsonString>(path, *extra, "module") : nullptr,
                           inner != nullptr ? "ChainOfThought" : "Predict");
  program.adapter = text_or(extra ? member<JsonString>(path, *extra, "adapter") : nullptr);
  auto asked = signature;
  if (asked && inner != nullptr && asked->find("reasoning") == nullptr) {
    asked = asked->prepend(Direction::output, make_field("reasoning"));
  }
  program.signature = read_signature(path, state, extra, asked);
  if (const auto* demos = member<JsonArray>(path, state, "demos")) {
    for (const auto& demo : *demos) {
      const auto* values = demo.if_object();
      if (values == nullptr) reject(path, "a demonstration is not an object");
      program.demos.emplace_back(*values, program.signature);
    }
  }
  return program;
}

void save_program(const std::filesystem::path& path, const ProgramFile& program) {
  JsonArray fields;
  JsonObject limits;
  auto signature = program.signature;
  for_each_field(signature, [&](const Field& field) {
    fields.push_back(
        JsonObject{{"prefix", field.label + ":"},
                   {"description", field.description.empty() ? "${" + field.name + "}" : field.description}});
    if (auto own = limits_of(field); !own.empty()) limits[field.name] = std::move(own);
  });
  JsonArray demos;
  for (const auto& demo : program.demos) demos.push_back(demo.data);
  JsonObject state{{"traces", JsonArray{}},
                   {"train", JsonArray{}},
                   {"demos", std::move(demos)},
                   {"signature", JsonObject{{"instructions", signature.instructions}, {"fields", std::move(fields)}}},
                   {"lm", nullptr}};
  JsonObject extra{{"version", format_version}, {"module", program.module}, {"signature", to_notation(signature)}};
  if (!program.adapter.empty()) extra["adapter"] = program.adapter;
  if (!limits.empty()) extra["fields"] = std::move(limits);

  JsonObject root;
  if (program.module == "ChainOfThought") {
    root["predict"] = std::move(state);
  } else {
    root = std::move(state);
  }
  root["metadata"] = JsonObject{{"dependency_versions", JsonObject{{"dspy_cpp", "0.1.0"}}}};
  root["dspy_cpp"] = std::move(extra);

  // Written beside the target and moved over it, so that a crash leaves the old file whole.
  auto temporary = path;
  temporary += ".part";
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out << to_pretty_text(root) << '\n';
    out.close();
    if (!out) {
      std::error_code ignored;
      std::filesystem::remove(temporary, ignored);
      throw Error(Errc::io_error, "cannot write the program `" + path.string() + "`: " + std::strerror(errno) +
                                      "; check the folder and the free space");
    }
  }
  std::error_code code;
  std::filesystem::rename(temporary, path, code);
  if (code) throw Error(Errc::io_error, "cannot write the program `" + path.string() + "`: " + code.message());
}

ProgramFile to_program_file(const Predictor& predictor, std::string module) {
  return {.module = std::move(module),
          .signature = predictor.signature(),
          .demos = predictor.demos(),
          .adapter = predictor.adapter() ? std::string(predictor.adapter()->name()) : std::string()};
}

Predictor to_predictor(const ProgramFile& program, PredictorOptions options) {
  options.demos = program.demos;
  if (!options.adapter && !program.adapter.empty()) options.adapter = adapter(program.adapter);
  return Predictor(program.signature, std::move(options));
}

}  // namespace dspy
