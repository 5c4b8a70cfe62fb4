#include "models/hub.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/http/url.hpp"
#include "dspy/models/source.hpp"
#include "models/asking.hpp"
#include "models/files.hpp"
#include "models/transfer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::models {
namespace {

const JsonObject* object_at(const JsonObject& object, std::string_view key) {
  const auto* const value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

const JsonArray* array_at(const JsonObject& object, std::string_view key) {
  const auto* const value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_array();
}

std::string text_at(const JsonObject& object, std::string_view key) {
  const auto* const value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

std::optional<std::uint64_t> size_at(const JsonObject& object, std::string_view key) {
  const auto* const value = object.if_contains(key);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value->get_int64());
}

[[noreturn]] void refuse(const Source& source, std::string_view why) {
  throw Error(Errc::model_not_found, std::format("`{}`: {}", to_text(source), why), {.model = to_text(source)});
}

/// The last part of a path in a repository, under which its file is kept.
std::string file_name(const Source& source, std::string_view path) {
  auto name = std::string(path.substr(path.rfind('/') + 1));
  if (!is_file_name(name)) refuse(source, std::format("`{}` is not a name for a file", name));
  return name;
}

std::string license_of(const JsonObject& repository) {
  const auto* const card = object_at(repository, "cardData");
  if (card != nullptr) {
    auto name = text_at(*card, "license_name");
    if (name.empty()) name = text_at(*card, "license");
    if (!name.empty()) return name;
  }
  if (const auto* const tags = array_at(repository, "tags")) {
    for (const auto& tag : *tags) {
      constexpr std::string_view mark = "license:";
      if (tag.is_string() && view(tag.get_string()).starts_with(mark))
        return std::string(view(tag.get_string()).substr(mark.size()));
    }
  }
  return {};
}

/// Asks for JSON.  A status that is not a success is explained as one of the model itself.
Async<Json> ask(Source source, Hub hub, std::string url, std::string accept, bool is_hugging_face) {
  const auto origin = origin_of(url);
  const auto response =
      co_await answer_of(hub, std::move(url), std::move(accept), is_hugging_face ? hub.token : Secret(),
                         is_hugging_face ? "HF_ENDPOINT" : "OLLAMA_ENDPOINT");
  const auto status = response.status;
  if (status == 404) refuse(source, std::format("{} knows no such model; check the name", origin));
  if (status == 401 || status == 403)
    throw Error(
        Errc::authentication_failed,
        std::format("`{}`: {} answered {}: there is no such model, or it is {}", to_text(source), origin, status,
                    is_hugging_face ? "gated; check the name, accept its licence on its page and set HF_TOKEN "
                                      "to a token that may read it"
                                    : "private; check the name"),
        {.status = status});
  if (status != 200)
    throw Error(status == 429 ? Errc::rate_limit_exceeded : Errc::unavailable,
                std::format("`{}`: {} answers {}; try again later", to_text(source), origin, status),
                {.status = status});
  auto json = parse_json(response.body);
  if (!json)
    throw Error(Errc::unavailable,
                std::format("`{}`: {} did not answer with JSON; check the address", to_text(source), origin));
  co_return *std::move(json);
}

}  // namespace

Offer read_repository(const Source& source, const Json& json, const std::string& endpoint, bool with_senses) {
  const auto* const repository = json.if_object();
  const auto* const siblings = repository == nullptr ? nullptr : array_at(*repository, "siblings");
  if (siblings == nullptr) refuse(source, "the hub's answer lists no files");
  Offer out{.revision = text_at(*repository, "sha"), .license = license_of(*repository), .takes_token = true};
  std::vector<std::string> names;
  std::map<std::string, RemoteFile> files;
  const auto revision = out.revision.empty() ? (source.revision.empty() ? "main" : source.revision) : out.revision;
  for (const auto& each : *siblings) {
    const auto* const object = each.if_object();
    if (object == nullptr) continue;
    const auto path = text_at(*object, "rfilename");
    if (!text::to_lower(path).ends_with(".gguf")) continue;
    RemoteFile file{
        .name = file_name(source, path),
        .url = std::format("{}/{}/{}/resolve/{}/{}", endpoint, source.owner, source.repository, revision, path),
        .bytes = size_at(*object, "size")};
    if (const auto* const stored = object_at(*object, "lfs")) {
      file.sha256 = text::to_lower(text_at(*stored, "sha256"));
      if (file.sha256.empty()) file.sha256 = text::to_lower(text_at(*stored, "oid"));
      if (const auto bytes = size_at(*stored, "size")) file.bytes = bytes;
    }
    names.push_back(path);
    files.emplace(path, std::move(file));
  }
  const auto chosen = choose_file(names, source.file);
  if (!chosen) {
    std::ranges::sort(names);
    refuse(source, names.empty() ? "the repository has no GGUF files"
                   : source.file.empty()
                       ? "name one of its files or formats: " + text::enumerate(names, "`")
                       : std::format("it has no `{}`; there is {}", source.file, text::enumerate(names, "`", "and")));
  }
  for (const auto& part : parts_of(*chosen)) {
    const auto found = files.find(part);
    if (found == files.end()) refuse(source, std::format("the part `{}` is missing there", part));
    out.files.push_back(found->second);
  }
  std::vector<std::string> senses;
  std::ranges::copy_if(names, std::back_inserter(senses), [](const std::string& name) { return is_senses_file(name); });
  if (with_senses && !senses.empty()) {
    const auto half = std::ranges::find_if(senses, [](const std::string& name) {
      const auto lower = text::to_lower(name);
      return lower.contains("f16") && !lower.contains("bf16");
    });
    out.files.push_back(files.at(half == senses.end() ? senses.front() : *half));
  }
  return out;
}

Offer read_manifest(const Source& source, const Json& json, const std::string& endpoint) {
  const auto* const manifest = json.if_object();
  const auto* const layers = manifest == nullptr ? nullptr : array_at(*manifest, "layers");
  if (layers == nullptr) refuse(source, "the registry's answer lists no layers");
  Offer out;
  const auto add = [&](const JsonObject& layer, std::string name) {
    auto digest = text_at(layer, "digest");
    constexpr std::string_view mark = "sha256:";
    if (!digest.starts_with(mark)) refuse(source, "a layer has no SHA-256");
    auto url = std::format("{}/v2/{}/{}/blobs/{}", endpoint, source.owner, source.repository, digest);
    digest.erase(0, mark.size());
    if (out.revision.empty()) out.revision = digest;
    out.files.push_back(
        {.name = std::move(name), .url = std::move(url), .bytes = size_at(layer, "size"), .sha256 = std::move(digest)});
  };
  const auto each_of = [&](std::string_view kind, const auto& use) {
    for (const auto& layer : *layers) {
      const auto* const object = layer.if_object();
      if (object != nullptr && text_at(*object, "mediaType") == std::format("application/vnd.ollama.image.{}", kind))
        use(*object);
    }
  };
  const auto name = default_name(source);
  each_of("model", [&](const JsonObject& layer) {
    if (out.files.empty()) add(layer, name + ".gguf");
  });
  if (out.files.empty()) refuse(source, "the registry has no weights for it; it may be a model that runs elsewhere");
  each_of("projector", [&](const JsonObject& layer) {
    if (out.files.size() == 1) add(layer, "mmproj-" + name + ".gguf");
  });
  each_of("license", [&](const JsonObject& layer) {
    if (!out.license.empty()) return;
    out.license = "see the model's page";
    out.license_digest = text_at(layer, "digest");
    out.license_url =
        std::format("{}/v2/{}/{}/blobs/{}", endpoint, source.owner, source.repository, out.license_digest);
  });
  return out;
}

Async<Offer> offer_of(Source source, Hub hub) {
  if (source.kind == Source::Kind::url) {
    const auto url = http::parse_url(source.url);
    const auto path = url ? url->path : std::string();
    const auto name = file_name(source, path);
    if (!text::to_lower(name).ends_with(".gguf"))
      throw Error(Errc::invalid_parameter, std::format("`{}` names no .gguf file", url ? url->origin() + path : name));
    Offer out;
    for (const auto& part : parts_of(name)) {
      auto address = source.url;
      const auto at = address.find(name);
      if (at == std::string::npos) refuse(source, "its parts cannot be named");
      out.files.push_back({.name = part, .url = address.replace(at, name.size(), part)});
    }
    // A file of the hub by its address is one of the hub all the same.
    out.takes_token = source.url.starts_with(hub.hugging_face + "/");
    co_return out;
  }
  if (source.kind == Source::Kind::hugging_face) {
    const auto revision = source.revision.empty() ? std::string() : "/revision/" + source.revision;
    auto url =
        std::format("{}/api/models/{}/{}{}?blobs=true", hub.hugging_face, source.owner, source.repository, revision);
    const auto json = co_await ask(source, hub, std::move(url), "application/json", true);
    co_return read_repository(source, json, hub.hugging_face, hub.with_senses);
  }
  auto url = std::format("{}/v2/{}/{}/manifests/{}", hub.ollama, source.owner, source.repository,
                         source.revision.empty() ? "latest" : source.revision);
  const auto json =
      co_await ask(source, hub, std::move(url), "application/vnd.docker.distribution.manifest.v2+json", false);
  co_return read_manifest(source, json, hub.ollama);
}

}  // namespace dspy::models
