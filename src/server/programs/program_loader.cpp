#include "server/programs/program_loader.hpp"

#include "dspy/agents/agent_file.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"
#include "dspy/flow/flow.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/registry/registry.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/programs/program_sources.hpp"
#include "dspy/signature/signature.hpp"
#include "server/programs/direct_agent.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{256} << 20;

bool fits_into_a_path(std::string_view name) {
  return !name.empty() && name.size() <= 200 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.@").contains(c);
  });
}

std::string version_of(std::string_view text) {
  return sha256(text).substr(0, 12);
}

ServedProgram served(const SourceText& source, std::string version, Program program, Signature signature) {
  return {.name = source.name,
          .version = std::move(version),
          .source = source.kind == SourceText::Kind::registry ? "registry:" + source.text : source.text,
          .program = std::move(program),
          .signature = std::move(signature),
          .loaded_at = std::chrono::system_clock::now()};
}

/// What a predictor gets that its file does not say.
void complete(Predictor& predictor, const SourceOptions& options) {
  if (!predictor.lm()) predictor.set_lm(options.lm);
  if (!predictor.adapter() && options.adapter) predictor.set_adapter(options.adapter);
}

LoadedProgram from_flow(const SourceText& source, std::string version, Flow flow, const SourceOptions& options) {
  flow.for_each_predictor([&](const std::string&, Predictor& predictor) { complete(predictor, options); });
  if (options.make_lm) flow.set_lms(options.make_lm);
  auto signature = flow.signature();
  return {.program = served(source, std::move(version), Program(std::move(flow)), std::move(signature))};
}

LoadedProgram from_saved(const SourceText& source, std::string version, const ProgramFile& file,
                         const SourceOptions& options) {
  if (file.predictors.size() != 1) {
    std::vector<std::string> paths;
    for (const auto& each : file.predictors) paths.push_back(each.path);
    throw Error(
        Errc::config_error,
        std::format("`{}` holds the predictors {} and not how they work together, which only its own C++ knows; "
                    "serve a flow (docs/guide/flows.md), or build the program with the library and serve it",
                    source.text, text::enumerate(paths, "`", "and")));
  }
  auto predictor = to_predictor(file.predictors.front());
  complete(predictor, options);
  auto signature = predictor.signature();
  return {.program = served(source, std::move(version), Program(std::move(predictor)), std::move(signature))};
}

LoadedProgram from_agent(const SourceText& source, const std::string& text, const SourceOptions& options) {
  const auto file = parse_agent(text, std::filesystem::path(source.text).parent_path());
  auto agent = std::make_shared<const ReActAgent>(file.agent({.lm = options.lm, .adapter = options.adapter}));
  return {.program = served(source, version_of(text), Program(DirectAgent(*agent)), agent->signature()),
          .agent = agent};
}

bool is_agent(std::string_view text) {
  if (!text::trim(text).starts_with('{')) return false;
  const auto json = parse_json(text);
  const auto* const object = json ? json->if_object() : nullptr;
  const auto* const format = object != nullptr ? object->if_contains("format") : nullptr;
  return format != nullptr && format->is_string() && view(format->get_string()) == "dspy.agent";
}

LoadedProgram from_file(const SourceText& source, const SourceOptions& options) {
  const auto text = read_text(source.text, most_bytes);
  if (is_agent(text)) return from_agent(source, text, options);
  if (is_flow(text))
    return from_flow(source, version_of(text), load_flow(source.text, {.accept_changed = options.accepts_changed}).flow,
                     options);
  return from_saved(source, version_of(text),
                    read_program(text, {.accept_changed = options.accepts_changed}, source.text), options);
}

void require_registry(const SourceText& source, const SourceOptions& options) {
  if (!options.registry.empty()) return;
  throw Error(Errc::config_error,
              std::format("`{}` is neither a file nor, as no registry is named, a version of a program; give the path "
                          "of a file, or --registry FILE",
                          source.text));
}

LoadedProgram from_registry(const SourceText& source, const SourceOptions& options) {
  require_registry(source, options);
  const Registry registry(options.registry);
  const auto version = registry.find(source.text);
  const auto file = registry.load(version);
  const auto number = std::format("{}:{}", version.name, version.number);
  if (!file.own_kept.contains("flow")) return from_saved(source, number, file, options);
  Flow flow(flow_plan_from_json(file.own_kept.at("flow").as_object()));
  apply(file, flow);
  return from_flow(source, number, std::move(flow), options);
}

std::string file_stamp(const std::string& path) {
  struct stat what = {};
  if (::stat(path.c_str(), &what) != 0) return "none";
  return std::format("{}.{:09} {} {}", what.st_mtim.tv_sec, what.st_mtim.tv_nsec, what.st_size, what.st_ino);
}

[[noreturn]] void refuse_name(const std::string& name, const std::string& text) {
  throw Error(Errc::invalid_parameter,
              std::format("`{}` cannot be a program's name in a URL; write {}, with letters, digits, `-`, `_`, `.` and "
                          "`@` in the name",
                          name, named_source(text)));
}

}  // namespace

std::string named_source(const std::string& text) {
  const bool needs_quotes = text.find_first_of(" >\"") != std::string::npos;
  return needs_quotes ? std::format("'NAME={}'", text) : std::format("NAME={}", text);
}

SourceText read_source(const std::string& source) {
  SourceText out{.text = source};
  const auto equals = source.find('=');
  const auto arrow = source.find("->");
  // Text before an `=` that is not part of a signature's fields is a name.
  if (equals != std::string::npos && equals != 0 && equals < arrow && source.find_first_of(" \t,:") > equals &&
      !fits_into_a_path(std::string_view(source).substr(0, equals)))
    refuse_name(source.substr(0, equals), source.substr(equals + 1));
  if (equals != std::string::npos && equals < arrow && fits_into_a_path(std::string_view(source).substr(0, equals))) {
    out.name = source.substr(0, equals);
    out.text = source.substr(equals + 1);
  }
  std::error_code code;
  if (std::filesystem::exists(out.text, code)) {
    if (out.name.empty()) out.name = std::filesystem::path(out.text).stem().string();
  } else if (arrow != std::string::npos) {
    out.kind = SourceText::Kind::notation;
    if (out.name.empty()) out.name = "program";
  } else if (out.text.ends_with(".json") || out.text.ends_with(".toml") || out.text.contains('/')) {
    throw Error(Errc::io_error, std::format("there is no file `{}`; check the path", out.text));
  } else {
    out.kind = SourceText::Kind::registry;
    if (out.name.empty()) out.name = out.text.substr(0, out.text.find_first_of("@:"));
  }
  if (!fits_into_a_path(out.name)) refuse_name(out.name, out.text);
  return out;
}

LoadedProgram load_program_source(const SourceText& source, const SourceOptions& options) {
  switch (source.kind) {
    case SourceText::Kind::file: return from_file(source, options);
    case SourceText::Kind::registry: return from_registry(source, options);
    case SourceText::Kind::notation: break;
  }
  Predictor predictor(Signature::parse(source.text));
  complete(predictor, options);
  auto signature = predictor.signature();
  return {.program = served(source, version_of(source.text), Program(std::move(predictor)), std::move(signature))};
}

std::string stamp_of(const SourceText& source, const SourceOptions& options) {
  if (source.kind == SourceText::Kind::notation) return {};
  if (source.kind == SourceText::Kind::file) return options.watches_files ? file_stamp(source.text) : std::string();
  require_registry(source, options);
  return std::format("{}", Registry(options.registry).find(source.text).number);
}

}  // namespace dspy::server
