#include "dspy/server/programs/program_sources.hpp"

#include "dspy/agents/react.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/server/catalog.hpp"
#include "server/programs/program_loader.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <format>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {

struct ProgramSources::Source {
  SourceText text;
  std::string stamp;
  std::shared_ptr<const ReActAgent> agent;
  std::string problem;  ///< Empty: what is served is what the source says.
};

ProgramSources::ProgramSources(std::shared_ptr<Catalog> catalog, SourceOptions options)
    : catalog_(std::move(catalog)), options_(std::move(options)) {}

ProgramSources::~ProgramSources() = default;

std::string ProgramSources::add(const std::string& source) {
  auto made = std::make_unique<Source>(Source{.text = read_source(source), .stamp = {}, .agent = {}, .problem = {}});
  const std::lock_guard lock(mutex_);
  const auto& name = made->text.name;
  if (std::ranges::any_of(sources_, [&](const auto& other) { return other->text.name == name; }))
    throw Error(Errc::invalid_parameter,
                std::format("two programs are called `{}`; write {} for one of them, with another name", name,
                            named_source(made->text.text)));
  made->stamp = stamp_of(made->text, options_);  // before, so that a change meanwhile is seen
  auto loaded = load_program_source(made->text, options_);
  made->agent = std::move(loaded.agent);
  catalog_->put(std::move(loaded.program));
  sources_.push_back(std::move(made));
  return sources_.back()->text.name;
}

std::size_t ProgramSources::poll() {
  const std::lock_guard lock(mutex_);
  std::size_t changed = 0;
  for (const auto& source : sources_) {
    try {
      auto stamp = stamp_of(source->text, options_);
      if (stamp == source->stamp) continue;
      source->stamp = std::move(stamp);
      auto loaded = load_program_source(source->text, options_);
      log(LogLevel::info, "server", std::format("`{}` is now {}", source->text.name, loaded.program.version));
      source->agent = std::move(loaded.agent);
      catalog_->put(std::move(loaded.program));
      source->problem.clear();
      ++changed;
    } catch (const std::exception& error) {
      auto problem = std::format("`{}` was not loaded anew: {}", source->text.name, error.what());
      if (problem != source->problem) log(LogLevel::warning, "server", problem);
      source->problem = std::move(problem);
    }
  }
  return changed;
}

std::vector<std::string> ProgramSources::problems() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& source : sources_) {
    if (!source->problem.empty()) out.push_back(source->problem);
  }
  return out;
}

std::shared_ptr<const ReActAgent> ProgramSources::agent(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& source : sources_) {
    if (source->text.name == name) return source->agent;
  }
  return nullptr;
}

std::shared_ptr<const ServedProgram> ProgramSources::version(std::string_view name, const std::string& version) const {
  if (options_.registry.empty())
    throw Error(Errc::bad_input,
                std::format("`{}` is a version of a registry, and the server has none; give --registry FILE", version));
  std::string base(name);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& source : sources_) {
      // As the registry calls it, where it is served under another name.
      if (source->text.name == name && source->text.kind == SourceText::Kind::registry)
        base = source->text.text.substr(0, source->text.text.find_first_of("@:"));
    }
  }
  const SourceText text{.kind = SourceText::Kind::registry,
                        .name = std::string(name),
                        .text = version.contains(':') ? version : std::format("{}:{}", base, version)};
  return std::make_shared<const ServedProgram>(load_program_source(text, options_).program);
}

}  // namespace dspy::server
