#include "dspy/models/catalogue.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/models/source.hpp"

#include <toml++/toml.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::models {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{4} << 20;

struct BuiltIn {
  std::string_view name, source, license, about;
};

// Repositories of the models' makers where they have files in this format, else well-known ones.  Their digests come
// from the hub.
constexpr auto built_ins = std::to_array<BuiltIn>({
    {"smollm2", "hf:bartowski/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct-Q8_0.gguf", "Apache-2.0",
     "135M, for trying things out"},
    {"smollm2-1.7b", "hf:HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF:smollm2-1.7b-instruct-q4_k_m.gguf", "Apache-2.0",
     "1.7B"},
    {"qwen2.5-0.5b", "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q4_k_m.gguf", "Apache-2.0",
     "0.5B, calls tools"},
    {"qwen2.5-1.5b", "hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:qwen2.5-1.5b-instruct-q4_k_m.gguf", "Apache-2.0",
     "1.5B, calls tools"},
    {"qwen3-0.6b", "hf:Qwen/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q8_0.gguf", "Apache-2.0", "0.6B, thinks, calls tools"},
    {"qwen3-4b", "hf:Qwen/Qwen3-4B-GGUF:Qwen3-4B-Q4_K_M.gguf", "Apache-2.0", "4B, thinks, calls tools"},
    {"llama3.2-1b", "hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Llama 3.2 Community",
     "1B, calls tools"},
    {"gemma3-4b", "hf:ggml-org/gemma-3-4b-it-GGUF:gemma-3-4b-it-Q4_K_M.gguf", "Gemma Terms of Use",
     "4B, sees pictures"},
    {"nomic-embed", "hf:nomic-ai/nomic-embed-text-v1.5-GGUF:nomic-embed-text-v1.5.Q8_0.gguf", "Apache-2.0",
     "embeddings of texts"},
});

JsonObject json_of(const toml::table& table) {
  std::ostringstream out;
  out << toml::json_formatter(table);
  const auto json = parse_json(out.str());
  if (!json || !json->is_object()) throw Error(Errc::config_error, "it cannot be read as a table");
  return json->get_object();
}

JsonObject members_of(std::string_view text, bool is_json, const std::filesystem::path& file) {
  if (!is_json) {
    try {
      return json_of(toml::parse(text, file.string()));
    } catch (const toml::parse_error& error) {
      throw Error(Errc::config_error, std::format("`{}`, line {}: {}", file.string(), error.source().begin.line,
                                                  std::string_view(error.description())));
    }
  }
  const auto json = parse_json(text);
  if (!json)
    throw Error(Errc::config_error, std::format("`{}` is not JSON: {}", file.string(), json.error().message),
                {.position = json.error().position});
  if (!json->is_object()) throw Error(Errc::config_error, std::format("`{}` is not an object", file.string()));
  return json->get_object();
}

bool is_digest(std::string_view text) noexcept {
  return text.size() == 64 && std::ranges::all_of(text, [](char byte) {
           return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
         });
}

class Reader {
 public:
  Reader(const std::filesystem::path& file, std::string_view name) : file_(&file), name_(name) {}

  CatalogueEntry read(const Json& json) const {
    if (!is_model_name(name_)) refuse("is not a name: use letters, digits, `.`, `-` and `_`");
    const auto* const object = json.if_object();
    if (object == nullptr) refuse("is not a table");
    CatalogueEntry out{.name = std::string(name_)};
    for (const auto& [key, value] : *object) member(out, key, value);
    if (out.source.empty()) refuse("has no `source`");
    if (parse_source(out.source).kind == Source::Kind::catalogue)
      refuse("has a `source` that is another name; give an hf:, ollama: or https: source");
    return out;
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(Errc::config_error, std::format("`{}`, model `{}`: it {}", file_->string(), name_, why));
  }

  std::string text(std::string_view key, const Json& value) const {
    if (!value.is_string()) refuse(std::format("has a `{}` that is not text", key));
    return std::string(view(value.get_string()));
  }

  void member(CatalogueEntry& out, std::string_view key, const Json& value) const {
    if (key == "source") {
      out.source = text(key, value);
    } else if (key == "license") {
      out.license = text(key, value);
    } else if (key == "about") {
      out.about = text(key, value);
    } else if (key == "sha256") {
      out.sha256 = text::to_lower(text(key, value));
      if (!is_digest(out.sha256)) refuse("has a `sha256` that is not 64 hexadecimal digits");
    } else if (key == "bytes") {
      if (!value.is_int64() || value.get_int64() <= 0) refuse("has `bytes` that are not a positive whole number");
      out.bytes = static_cast<std::uint64_t>(value.get_int64());
    } else {
      refuse(std::format("has a member `{}`; there are source, license, about, sha256 and bytes", key));
    }
  }

  const std::filesystem::path* file_;
  std::string_view name_;
};

}  // namespace

Catalogue Catalogue::built_in() {
  Catalogue out;
  for (const auto& [name, source, license, about] : built_ins) {
    out.add({.name = std::string(name),
             .source = std::string(source),
             .license = std::string(license),
             .about = std::string(about)});
  }
  return out;
}

std::filesystem::path Catalogue::default_path() {
  if (const char* const path = std::getenv("DSPY_CATALOGUE"); path != nullptr && *path != '\0') return path;
  if (const char* const folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder == '/')
    return std::filesystem::path(folder) / "dspy" / "models.toml";
  const char* const home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? std::filesystem::path()
                                          : std::filesystem::path(home) / ".config" / "dspy" / "models.toml";
}

Catalogue Catalogue::of_user() {
  auto out = built_in();
  const auto path = default_path();
  std::error_code error;
  // A file that was named must be there; the usual place may be empty.
  const char* const named = std::getenv("DSPY_CATALOGUE");
  if (!path.empty() && ((named != nullptr && *named != '\0') || std::filesystem::exists(path, error))) out.read(path);
  return out;
}

void Catalogue::read(const std::filesystem::path& file) {
  read_text(dspy::read_text(file, most_bytes), text::equals_ignoring_case(file.extension().string(), ".json"), file);
}

void Catalogue::read_text(std::string_view text, bool is_json, const std::filesystem::path& file) {
  const auto members = members_of(text, is_json, file);
  for (const auto& [key, value] : members) {
    if (key != "models" || !value.is_object())
      throw Error(Errc::config_error, std::format("`{}`: `{}` is not known; write a table [models.NAME] for each model",
                                                  file.string(), std::string_view(key)));
    for (const auto& [name, entry] : value.get_object()) add(Reader(file, name).read(entry));
  }
}

void Catalogue::add(CatalogueEntry entry) {
  const auto at = std::ranges::lower_bound(entries_, entry.name, {}, &CatalogueEntry::name);
  if (at != entries_.end() && at->name == entry.name)
    *at = std::move(entry);
  else
    entries_.insert(at, std::move(entry));
}

const CatalogueEntry* Catalogue::find(std::string_view name) const noexcept {
  const auto at = std::ranges::find(entries_, name, &CatalogueEntry::name);
  return at == entries_.end() ? nullptr : &*at;
}

}  // namespace dspy::models
